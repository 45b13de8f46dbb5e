"""Files attached to records: their metadata in the tenant's schema, their bytes in one store of any kind."""

from flask import Flask

from dashboard.core.config import Settings
from dashboard.files import panel, setup, views
from dashboard.files.setup import check_store

__all__ = ["check_store", "init_app"]


def init_app(app: Flask, settings: Settings) -> None:
    """Open the store when first needed; add the panel to every record and the pages behind it."""
    setup.init_app(app, settings)
    panel.init_app(app)
    views.init_app(app)
