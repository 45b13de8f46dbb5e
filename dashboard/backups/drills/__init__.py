"""Restore drills: the proof that a backup brings everything back, and how long it takes."""

from flask import Flask

from dashboard.backups.drills import reviewing, views
from dashboard.backups.tabs import Tab, register_tab
from dashboard.core.config import Settings
from dashboard.health.cards import register_card


def init_app(app: Flask, settings: Settings) -> None:
    """Register the pages, their tab and the overview card."""
    app.register_blueprint(views.pages)
    register_tab(app, Tab("Drills", "drills.page", reviewing.VIEW, 30))
    register_card(app, 32, lambda: reviewing.card(settings.barman_server))
