"""Translations of the fields that models mark as translatable."""

from flask import Flask

from dashboard.translations import models, panel, views  # noqa: F401  # the tables belong to every tenant


def init_app(app: Flask) -> None:
    """Add the panel to records with translatable fields, and the pages about completeness."""
    panel.init_app(app)
    views.init_app(app)
