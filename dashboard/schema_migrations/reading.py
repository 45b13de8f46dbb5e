"""Stores where every database and tenant stands (service layer of the job that reads it)."""

from typing import Any

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.service import plain, store_reading
from dashboard.schema_migrations.probes import read_control, read_fleet
from dashboard.schema_migrations.queries import READING

EVERY_SECONDS = 60


def refresh_heads(settings: Settings) -> dict[str, Any]:
    """Read all heads; return how many tenants were read, or the error that is stored."""
    try:
        control, fleet = read_control(settings.control_url), read_fleet(settings.database_direct_url)
    except ProbeError as error:
        store_reading(READING, {}, str(error), every=EVERY_SECONDS)
        return {"error": str(error)}
    store_reading(READING, {"control": control, "fleet": plain(fleet)}, every=EVERY_SECONDS)
    return {"tenants": len(fleet.tenants)}
