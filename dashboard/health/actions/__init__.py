"""Safe actions on the ERP database: what may be done to sessions, tables and indexes, now or in a window."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.health.actions import views, window_views


def init_app(app: Flask) -> None:
    """Register the pages and their entry in the menu."""
    app.register_blueprint(views.pages)
    app.register_blueprint(window_views.pages)
    register_menu(app, MenuItem("database", "Actions", "actions.page", views.VIEW, "tool", 45))
