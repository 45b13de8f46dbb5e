"""Insights: charts that managers read, computed from the tenant's own records."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.kpis.views import blueprint


def init_app(app: Flask) -> None:
    """Register the page and its place in the menu."""
    app.register_blueprint(blueprint)
    register_menu(
        app,
        MenuItem("insights", "Overview", "insights.index", "insights.overview.view", "chart-bar", order=10),
    )
