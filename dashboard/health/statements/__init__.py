"""Queries of the ERP database: what they cost over time, for whom, and how PostgreSQL goes about them."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.health.statements import views


def init_app(app: Flask) -> None:
    """Register the pages and their entry in the menu."""
    app.register_blueprint(views.pages)
    register_menu(app, MenuItem("database", "Queries", "statements.page", views.VIEW, "list-search", 42))
