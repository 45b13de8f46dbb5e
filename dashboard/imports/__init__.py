"""Import of CSV and XLSX files: mapped, tried first, loaded as one unit, taken back as one."""

from collections.abc import Iterable

from flask import Flask, url_for

from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.web import can
from dashboard.imports import models, views  # noqa: F401  # the tables belong to every tenant
from dashboard.imports.targets import targets
from dashboard.records.extensions import Action, add_list_links
from dashboard.records.spec import Spec


def init_app(app: Flask) -> None:
    """Register the pages, the menu entry, and the button above every list that takes new records."""
    app.register_blueprint(views.pages)
    register_menu(
        app, MenuItem("records", "Imports", "imports.index", views.VIEW, "file-import", 905, "Tools")
    )
    add_list_links(app, _link)


def _link(spec: Spec) -> Iterable[Action]:
    target = targets().get(spec.entity)
    if target and target.allows("create") and can(views.CREATE):
        yield Action("Import", url_for("imports.new", entity=spec.entity), "file-import")
