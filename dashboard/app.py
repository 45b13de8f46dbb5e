"""The factory: the only file that knows every feature."""

from flask import Flask
from flask_migrate import Migrate
from sqlalchemy.orm import configure_mappers

from dashboard import (
    __version__,
    alerts,
    backups,
    changes,
    cli,
    collaboration,
    compliance,
    erp,
    failover,
    files,
    health,
    home,
    imports,
    jobs,
    kpis,
    metrics,
    records,
    replication,
    schema_migrations,
    search,
    translations,
    users,
)
from dashboard import settings as business_settings
from dashboard.alerts import exporting as alerts_exporting
from dashboard.core import caching, db, errors, filters, logs, menu, security, web
from dashboard.core.config import CHECKOUT, Settings, get_settings
from dashboard.erp.screens import SCREENS
from dashboard.health import actions, readiness, statements
from dashboard.health import exporting as health_exporting
from dashboard.metrics import exposition
from dashboard.schema_migrations.histories import History
from dashboard.tenancy import views as tenancy
from dashboard.tenants import views as tenants
from dashboard.tenants.growth import views as growth
from dashboard.tenants.lifecycle import views as lifecycle
from dashboard.tenants.rewinding import views as rewinding

MAX_REQUEST_BYTES = 32 * 1024 * 1024
MAX_FORM_BYTES = 8 * 1024 * 1024  # a document of a thousand rows with what it was before


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application. Nothing connects until the first request."""
    settings = settings or get_settings()
    logs.configure()
    app = Flask(
        "dashboard", template_folder=str(CHECKOUT / "templates"), static_folder=str(CHECKOUT / "static")
    )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        VERSION=__version__,
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
    )
    app.url_map.strict_slashes = False  # a pasted address with a slash too many still arrives
    app.extensions["steward_settings"] = settings
    _add_platform(app, settings)
    _add_features(app, settings)
    cli.init_app(app)
    configure_mappers()  # half a second that the first request, and each job forked from a worker, would take
    return app


def _add_platform(app: Flask, settings: Settings) -> None:
    """What features stand on. The order of `before_request` is: request id, person, tenant, permission."""
    db.init_app(app, settings)
    Migrate(app, db.db, directory=History.CONTROL.directory)
    errors.init_app(app)
    caching.init_app(app, settings)
    menu.init_app(app)
    filters.init_app(app)
    security.init_app(app, settings)
    app.before_request(web.identify)
    tenancy.init_app(app)
    web.init_app(app)


def _add_features(app: Flask, settings: Settings) -> None:
    users.init_app(app)
    business_settings.init_app(app)
    jobs.init_app(app)
    metrics.init_app(app)
    alerts.init_app(app)
    health.init_app(app, settings)
    actions.init_app(app)
    statements.init_app(app)
    backups.init_app(app, settings)
    replication.init_app(app)
    failover.init_app(app)
    schema_migrations.init_app(app)
    records.init_app(app, SCREENS)
    files.init_app(app, settings)
    translations.init_app(app)
    readiness.register_check(app, "file store", files.check_store)
    exposition.register_exporter(app, "alerts", alerts_exporting.alerts)
    exposition.register_exporter(app, "readings", health_exporting.readings)
    exposition.register_exporter(app, "readiness", health_exporting.readiness_of_parts)
    changes.init_app(app)
    imports.init_app(app)
    collaboration.init_app(app)
    erp.init_app(app)
    kpis.init_app(app)
    tenants.init_app(app)
    rewinding.init_app(app)
    lifecycle.init_app(app)
    growth.init_app(app)
    search.init_app(app)
    home.init_app(app)
    compliance.init_app(app)
