"""Failover: who is primary, who could take over, rehearsals that prove it, and the change itself."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.failover import declared, reviewing, views
from dashboard.health.cards import register_card


def init_app(app: Flask) -> None:
    """Register the pages, their menu entry, the card, and the settings that time the rehearsal."""
    declared.follow_schedule()
    app.register_blueprint(views.pages)
    register_card(app, 22, lambda: reviewing.card(app.extensions["steward_settings"]))
    register_menu(
        app,
        MenuItem("database", "Failover", "failover.page", reviewing.VIEW, "arrows-exchange", 32),
    )
