"""Restores to a scratch server: at a time, at a restore point or the latest, to look into or to prove."""

from flask import Flask

from dashboard.backups.restoring import look_views, views
from dashboard.backups.tabs import Tab, register_tab
from dashboard.core.config import Settings


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the pages and their tab."""
    app.register_blueprint(look_views.pages)  # those of `views`, with its own added
    register_tab(app, Tab("Restore", "restores.page", views.VIEW, 20))
