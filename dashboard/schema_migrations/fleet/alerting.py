"""The condition over a run of the fleet: halted, or standing still; judged by rows."""

from datetime import datetime

from dashboard.alerts.registry import Answer, Breach, Watch, condition
from dashboard.alerts.wording import at
from dashboard.core.db import db
from dashboard.core.filters import duration
from dashboard.schema_migrations.fleet import queries
from dashboard.schema_migrations.fleet.models import FleetRun, FleetStatus


@condition("fleet.run_stands_still", every=0)
def run_stands_still(watch: Watch) -> Answer:
    """A run is halted, nobody works on it, or no schema was finished for the limit, in seconds."""
    run = queries.find_open(db.session())
    reason = _why(run, watch) if run and run.status != FleetStatus.PAUSED else ""
    return [Breach(f"run {run.id}", reason)] if run and reason else []


def _why(run: FleetRun, watch: Watch) -> str:
    if run.status == FleetStatus.HALTED:
        return f"The run is halted: {run.reason}"
    if not queries.is_worked_on(db.session(), run):
        return f"The run is {run.status}, and nobody works on it."
    seen = queries.watch_of(run)
    moved_at: datetime = max(filter(None, (seen.get("moved_at"), run.started_at, run.created_at)))
    seconds = (watch.now - moved_at).total_seconds()
    if seconds < watch.limit or (run.started_at is None and _is_backing_up(run)):
        return ""
    waiting = f" {'; '.join(seen['waiting'])}." if seen.get("waiting") else ""
    return f"No schema was finished for {duration(seconds)}, since {at(moved_at)}.{waiting}"


def _is_backing_up(run: FleetRun) -> bool:
    """A backup of a large cluster takes hours; its own rules watch it."""
    job = queries.find_job(db.session(), run)
    return bool(job and job.started_at)
