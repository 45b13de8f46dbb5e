"""The page of what the ERP stands on: machine, disks, Redis, PgBouncer, queues, the file store."""

from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from dashboard.core.web import requires
from dashboard.health import queries, reviewing
from dashboard.health.services.refreshing import BROKER, CACHE, FILES, MACHINE, POOLS, QUEUES

pages = Blueprint("services", __name__)
VIEW = "database.services.view"
KEYS = (MACHINE, BROKER, CACHE, POOLS, QUEUES, FILES)


@pages.get("/database/services")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Show what was last read of everything beside the database."""
    readings = queries.list_readings(KEYS)
    values: dict[str, Any] = {
        key.partition(".")[2]: readings[key].values if key in readings and readings[key].taken_at else {}
        for key in KEYS
    }
    return render_template(
        "health/services.html",
        readings=readings,
        found=values,
        has_pools=bool(current_app.extensions["steward_settings"].pgbouncer_url),
        findings=reviewing.findings_on(readings, *KEYS),
    )
