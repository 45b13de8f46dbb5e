"""Search over all entities of a tenant at once: a palette on every page, and a page of results."""

from flask import Flask

from dashboard.search.views import pages


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(pages)
