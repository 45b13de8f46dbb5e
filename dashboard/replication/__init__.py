"""Replication: each expected standby by name, how far it is behind and whether it is there at all."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.health.cards import register_card
from dashboard.records import export
from dashboard.replication import models, reading, reviewing  # noqa: F401  # its table belongs to the control database
from dashboard.replication.synchronous.views import pages as synchronous_pages
from dashboard.replication.views import pages


def init_app(app: Flask) -> None:
    """Register the pages, the menu entry and the overview card."""
    app.register_blueprint(pages)
    app.register_blueprint(synchronous_pages)
    export.read_from(reading.for_export)
    register_card(app, 20, reviewing.card)
    register_menu(
        app,
        MenuItem("database", "Replication", "replication.page", reviewing.PERMISSION, "git-branch", 30),
    )
