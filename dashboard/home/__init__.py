"""Home: what waits for a person, across the desks they may open."""

from flask import Flask

from dashboard.home.views import pages


def init_app(app: Flask) -> None:
    """Register the start pages."""
    app.register_blueprint(pages)
