"""Copies beside the base backups: off-site, dumps, uploaded files, the broker's append-only file."""

from flask import Flask

from dashboard.backups.copies.views import PERMISSION, pages
from dashboard.backups.tabs import Tab, register_tab
from dashboard.core.config import Settings


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the page and its sections."""
    app.register_blueprint(pages)
    register_tab(app, Tab("Copies", "copies.page", PERMISSION, 40))
