"""Schema migrations: three Alembic histories (control, shared, tenant) driven through Flask-Migrate."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.health.cards import register_card
from dashboard.health.readiness import register_check
from dashboard.schema_migrations.backfills.views import pages as backfill_pages
from dashboard.schema_migrations.drift.views import pages as drift_pages
from dashboard.schema_migrations.fleet import views as fleet_views
from dashboard.schema_migrations.readiness import check_heads
from dashboard.schema_migrations.rehearsal import views as rehearsal_views
from dashboard.schema_migrations.views import PERMISSION, card, pages


def init_app(app: Flask) -> None:
    """Register the page, its menu entry and overview card, and the heads as a part of readiness."""
    app.register_blueprint(pages)
    app.register_blueprint(drift_pages)
    app.register_blueprint(rehearsal_views.pages)
    app.register_blueprint(backfill_pages)
    fleet_views.init_app(app)
    register_card(app, 40, card)
    register_check(app, "migrations", check_heads)
    register_menu(
        app,
        MenuItem("database", "Migrations", "schema_migrations.page", PERMISSION, "git-merge", 50),
    )
