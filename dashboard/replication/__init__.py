"""Replication: each expected standby by name, how far it is behind and whether it is there at all."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.health.cards import register_card
from dashboard.replication import reviewing
from dashboard.replication.views import pages


def init_app(app: Flask) -> None:
    """Register the page, its menu entry and its overview card."""
    app.register_blueprint(pages)
    register_card(app, 20, reviewing.card)
    register_menu(
        app,
        MenuItem("database", "Replication", "replication.page", reviewing.PERMISSION, "git-branch", 30),
    )
