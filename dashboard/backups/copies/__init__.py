"""Copies beside the base backups: off-site, dumps, uploaded files, the broker's append-only file."""

from functools import partial

from flask import Flask

from dashboard.backups.copies import commands, handing_out
from dashboard.backups.copies.offsite import service as offsite
from dashboard.backups.copies.offsite.views import pages as offsite_pages
from dashboard.backups.copies.sections import Section, register_section
from dashboard.backups.copies.views import PERMISSION, pages
from dashboard.backups.tabs import Tab, register_tab
from dashboard.core.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the page and its sections."""
    app.register_blueprint(pages)
    register_tab(app, Tab("Copies", "copies.page", PERMISSION, 40))
    app.register_blueprint(handing_out.pages)
    app.cli.add_command(commands.backups)
    register_section(app, Section("backups/copies/_dumps.html", handing_out.build_section, 20))
    app.register_blueprint(offsite_pages)
    section = partial(offsite.build_section, settings.offsite_url)
    register_section(app, Section("backups/copies/_offsite.html", section, 10))
