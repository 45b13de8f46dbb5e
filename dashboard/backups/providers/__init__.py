"""Where base backups come from: Barman, or a managed service. One class each; pages see one catalogue."""

from flask import Flask

from dashboard.backups.providers.views import VIEW, pages
from dashboard.backups.tabs import Tab, register_tab
from dashboard.core.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the runbook of a managed service; its tab only where one is used."""
    app.register_blueprint(pages)
    if settings.backup_provider != "barman":
        register_tab(app, Tab("Managed service", "managed.page", VIEW, 25))
