"""Health of databases, broker and cache: probes, their readings, pages and readiness."""

from flask import Flask

from dashboard.core.config import Settings
from dashboard.core.menu import MenuItem, register_menu
from dashboard.health import alerting, readiness, reviewing
from dashboard.health.activity import views as activity
from dashboard.health.cards import register_card
from dashboard.health.refreshing import BROKER, CACHE
from dashboard.health.server import views as server
from dashboard.health.services import views as services
from dashboard.health.storage import views as tables
from dashboard.health.views import health_pages, overview_pages


def init_app(app: Flask, settings: Settings) -> None:
    """Register pages, menu, overview cards and readiness checks."""
    app.register_blueprint(overview_pages)
    app.register_blueprint(health_pages)
    for pages in (activity.pages, tables.pages, server.pages, services.pages):
        app.register_blueprint(pages)
    readiness.init_app(app, settings)
    register_card(app, 5, alerting.card)
    register_card(app, 10, reviewing.primary_card)
    register_card(app, 60, lambda: reviewing.redis_card(BROKER, "Broker"))
    register_card(app, 61, lambda: reviewing.redis_card(CACHE, "Cache"))
    register_card(app, 70, reviewing.disk_card)
    register_menu(
        app,
        MenuItem(
            "database", "Overview", "database.overview", "database.overview.view", "layout-dashboard", 10
        ),
        MenuItem("database", "Health", "health.page", "database.health.view", "heartbeat", 40),
        MenuItem("database", "Tables & indexes", "tables.page", tables.VIEW, "table", 44),
        MenuItem("database", "Activity", "activity.page", activity.VIEW, "activity", 46),
        MenuItem("database", "Server", "server.page", server.VIEW, "server-cog", 47),
        MenuItem("database", "Machine & services", "services.page", services.VIEW, "stack-2", 49),
    )
