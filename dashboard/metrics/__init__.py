"""The history of figures: probes in tiers, rollups, charts, and `/metrics` for Prometheus."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.metrics import exporters
from dashboard.metrics.exposition import register_exporter
from dashboard.metrics.views import VIEW, pages


def init_app(app: Flask) -> None:
    """Register the pages, the menu, and what this layer says on `/metrics`."""
    app.register_blueprint(pages)
    register_exporter(app, "figures", exporters.figures)
    register_exporter(app, "rounds", exporters.rounds)
    register_exporter(app, "jobs", exporters.jobs)
    register_menu(app, MenuItem("database", "Metrics", "metrics.page", VIEW, "chart-line", 48))
