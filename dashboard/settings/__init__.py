"""Settings that the business owns: promises with an owner and the day they were confirmed."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.settings.views import VIEW, pages


def init_app(app: Flask) -> None:
    """Register the pages and their menu entry."""
    app.register_blueprint(pages)
    register_menu(app, MenuItem("admin", "Settings", "settings.index", VIEW, "adjustments", 30))
