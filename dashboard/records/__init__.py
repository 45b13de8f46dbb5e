"""The CRUD engine: every list, form and page of the tenant's records, on Flask-Admin."""

from collections.abc import Iterable

from flask import Flask, redirect
from flask.typing import ResponseReturnValue
from flask_admin.base import Admin, BaseView, expose
from flask_admin.theme import Theme

from dashboard.core.errors import NotFoundError
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.web import set_permission
from dashboard.records import models, registry  # noqa: F401  # the tables belong to every tenant
from dashboard.records.screen import ACTIONS, Screen

HOME = "records"


class RecordsHome(BaseView):
    """The desk's own address leads to the first list a person may see."""

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Go to the first list."""
        for screen in registry.screens():
            if screen.in_menu and screen.spec.allows("view"):
                return redirect(screen.spec.url("index_view"))
        raise NotFoundError("There are no records you may see here.")

    def is_visible(self) -> bool:
        """Flask-Admin's menu is not ours."""
        return False


def init_app(app: Flask, screens: Iterable[type[Screen]]) -> None:
    """Mount every screen below `/t/<tenant>/records/` with its permissions and its entry in the menu."""
    home = RecordsHome(name="Records", endpoint=HOME, url="/t/<tenant>/records")
    admin = Admin(
        app,
        name="Records",
        url="/t/<tenant>/records",
        endpoint=HOME,
        index_view=home,
        theme=Theme(folder="records", base_template="base.html"),
    )
    set_permission(app, f"{HOME}.index", "self.account.edit")
    made = {screen.entity(): screen() for screen in sorted(screens, key=lambda screen: screen.menu_order)}
    app.extensions[registry.EXTENSION] = made
    for screen in made.values():
        admin.add_view(screen)
        _permit(app, screen)


def _permit(app: Flask, screen: Screen) -> None:
    entity, name = screen.spec.entity, screen.spec.endpoint
    for view, action in ACTIONS.items():
        set_permission(app, f"{name}.{view}", f"records.{entity}.{action}")
    if screen.in_menu:
        item = MenuItem(
            "records",
            screen.spec.title,
            f"{name}.index_view",
            f"records.{entity}.view",
            screen.icon,
            screen.menu_order,
            screen.menu_section,
        )
        register_menu(app, item)
