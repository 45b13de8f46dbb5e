"""The people who log in to Steward: operators, roles, sessions, passwords."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.users import admin_views, identity
from dashboard.users.account_views import blueprint as own_pages


def init_app(app: Flask) -> None:
    """Register login, account and operator pages."""
    identity.init_app(app)
    app.register_blueprint(own_pages)
    app.register_blueprint(admin_views.blueprint)
    register_menu(
        app, MenuItem("admin", "Operators", "operators.index", "admin.operators.view", "users", order=10)
    )
