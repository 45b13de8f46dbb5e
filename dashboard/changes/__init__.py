"""Change sets: many row changes that belong together and can be taken back together."""

from flask import Flask

from dashboard.changes import models, views  # noqa: F401  # the tables belong to every tenant
from dashboard.core.menu import MenuItem, register_menu


def init_app(app: Flask) -> None:
    """Register the pages and the menu entry."""
    app.register_blueprint(views.pages)
    item = MenuItem("records", "Changes", "changes.index", "records.change_set.view", "history", 910, "Tools")
    register_menu(app, item)
