"""Backups: the catalogue as Barman knows it, how far back one can restore, and backing up now."""

from flask import Flask

from dashboard.backups import copies, declared, drills, providers, restoring, reviewing
from dashboard.backups.keeping_views import pages as keeping_pages
from dashboard.backups.tabs import Tab, list_tabs, register_tab
from dashboard.backups.views import pages
from dashboard.core.config import Settings
from dashboard.core.menu import MenuItem, register_menu
from dashboard.health.cards import register_card


def init_app(app: Flask, settings: Settings) -> None:
    """Register the page, its menu entry and its overview card."""
    app.register_blueprint(pages)
    app.register_blueprint(keeping_pages)
    register_tab(app, Tab("Keeping", "keeping.page", reviewing.VIEW, 50))
    app.jinja_env.globals["backup_tabs"] = list_tabs
    register_tab(app, Tab("Overview", "backups.page", reviewing.VIEW, 10))
    register_card(app, 30, lambda: reviewing.card(settings.backup_server))
    register_menu(app, MenuItem("database", "Backups", "backups.page", reviewing.VIEW, "archive", 20))
    declared.follow_schedules()
    copies.init_app(app, settings)
    providers.init_app(app, settings)
    restoring.init_app(app, settings)
    drills.init_app(app, settings)
