"""The jobs that read what the schemas consist of."""

from sqlalchemy import select

from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.schema_migrations.drift.looking import Look
from dashboard.schema_migrations.drift.service import look_at_all, look_at_new
from dashboard.schema_migrations.fleet.models import FleetRun, FleetStatus
from dashboard.schema_migrations.reading import refresh_heads

LOCK = "schema_migrations.look_for_drift"


@job(
    "schema_migrations.look_for_drift",
    title="Look for drift",
    queue="database",
    permission="database.migrations.run",
    lock=LOCK,
    timeout=1800,
)
def look_for_drift(run: Run) -> dict[str, object]:
    """Read what every schema consists of, compare the schemas of each revision (hourly, or by the button)."""
    if number := running_fleet():
        run.log(f"Run {number} changes the schemas now: they are read when it has ended.")
        return {"postponed_by_run": number}
    run.log("Reading tables, rules, rights and functions of every schema, a few at a time.")
    seen = look_at_all(db.engines["owner"], lambda done, of: run.progress(done, of, "schemas read"))
    refresh_heads(get_settings())
    db.session.commit()
    return _say(run, seen)


@job(
    "schema_migrations.look_at_moved",
    title="Read schemas that moved",
    queue="default",
    permission="database.migrations.view",
    lock=LOCK,
    timeout=600,
    quiet=True,
)
def look_at_moved(_run: Run) -> dict[str, object]:
    """Read what schemas consist of that were created or migrated since (every 60 s)."""
    if running_fleet():
        return {}
    seen = look_at_new(db.engines["owner"], lambda _done, _of: None)
    db.session.commit()
    return {"schemas": len(seen.found), "busy": len(seen.busy)}


def running_fleet() -> int | None:
    """Return the number of the fleet run that is changing schemas now."""
    return db.session.scalar(select(FleetRun.id).where(FleetRun.status == FleetStatus.RUNNING))


def _say(run: Run, seen: Look) -> dict[str, object]:
    for name in seen.busy:
        run.log(f"{name} was locked for too long; what was read before stays.")
    for name in seen.gone:
        run.log(f"{name} is in the ledger, but there is no such schema.")
    kinds = len(set(seen.found.values()))
    run.log(f"{len(seen.found)} schemas were read, of {kinds} different definitions.")
    return {"schemas": len(seen.found), "definitions": kinds, "busy": len(seen.busy), "gone": len(seen.gone)}
