"""The page of tables and indexes: what is large, unused, broken, bloated or nearly used up."""

from typing import Any

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from dashboard.core.errors import NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health import queries, reviewing
from dashboard.health.models import Reading
from dashboard.health.refreshing import INVENTORY
from dashboard.health.storage import judging
from dashboard.health.storage.refreshing import BLOAT, INVALID, SEQUENCES, STORAGE
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("tables", __name__)
VIEW, RUN = "database.tables.view", "database.tables.run"
KEYS = (STORAGE, INVALID, SEQUENCES, BLOAT)
JOBS = {"storage": "health.probe_storage", "bloat": "health.probe_bloat"}
SCHEMAS = 20


@pages.get("/database/tables")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Show what was last read of tables and indexes."""
    readings = queries.list_readings((*KEYS, INVENTORY))
    found = {key.partition(".")[2]: _values(readings.get(key)) for key in KEYS}
    schemas = _values(readings.get(INVENTORY)).get("schemas", [])
    return render_template(
        "health/tables.html",
        readings=readings,
        **found,
        findings=reviewing.findings_on(readings, *KEYS),
        no_advice=judging.can_advise(found["storage"]) if found["storage"] else "",
        schemas=schemas[:SCHEMAS],
        schema_count=len(schemas),
        level_of_age=judging.level_of_age,
        xids_left=judging.xids_left,
        is_bloated=judging.is_bloated,
    )


def _values(reading: Reading | None) -> dict[str, Any]:
    return reading.values if reading and reading.taken_at else {}


@pages.post("/database/tables/look/<what>")
@requires(RUN)
def look(what: str) -> ResponseReturnValue:
    """Ask for one of the dear probes now."""
    if what not in JOBS:
        raise NotFoundError("There is no such reading.")
    return redirect(run_url(jobs.enqueue(JOBS[what], actor=current_user.email)))
