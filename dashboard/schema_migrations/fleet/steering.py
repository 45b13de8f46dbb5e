"""What people do with a run: pause, resume, cancel, retry, leave a schema out. The caller commits.

The job looks at the run's status between two schemas, so nothing here waits for it.
"""

from datetime import UTC, datetime
from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.audit.service import record_operation
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.schema_migrations.fleet import queries, tasks
from dashboard.schema_migrations.fleet.approving import REASON
from dashboard.schema_migrations.fleet.models import FleetRun, FleetStatus

BEFORE = {
    "pause": (FleetStatus.RUNNING,),
    "resume": (FleetStatus.PAUSED, FleetStatus.HALTED, FleetStatus.RUNNING, FleetStatus.WAITING),
    "cancel": (FleetStatus.WAITING, FleetStatus.RUNNING, FleetStatus.PAUSED, FleetStatus.HALTED),
    "retry": (FleetStatus.RUNNING, FleetStatus.PAUSED, FleetStatus.HALTED),
    "skip": (FleetStatus.RUNNING, FleetStatus.PAUSED, FleetStatus.HALTED),
}


def possible(session: Session, run: FleetRun) -> set[str]:
    """Return what may be done with a run now. One that somebody works on needs no resuming."""
    found = {action for action, states in BEFORE.items() if run.status in states}
    if run.status in queries.MOVING and queries.is_worked_on(session, run):
        found.discard("resume")
    return found


def lock(session: Session, run_id: int) -> FleetRun:
    """Return a run for changing it; the job's own changes wait for the commit. Raises NotFoundError."""
    query = select(FleetRun).where(FleetRun.id == run_id).with_for_update()
    run = session.scalar(query.execution_options(populate_existing=True))
    if run is None:
        raise NotFoundError("There is no such run.")
    return run


def pause(session: Session, run: FleetRun, *, actor: str) -> None:
    """Begin no further schema; those under way are finished."""
    _check(session, run, "pause")
    run.status, run.reason = FleetStatus.PAUSED, f"Paused by {actor}."
    _note(session, run, "pause", actor)


def resume(session: Session, run: FleetRun, *, actor: str) -> None:
    """Let it go on where it stopped; the caller asks for the job."""
    _check(session, run, "resume")
    run.status, run.reason = FleetStatus.WAITING, ""
    _note(session, run, "resume", actor)


def cancel(session: Session, run: FleetRun, *, actor: str) -> None:
    """End it. What was changed stays changed: it is committed schema by schema."""
    _check(session, run, "cancel")
    run.status, run.reason = FleetStatus.CANCELLED, f"Cancelled by {actor}."
    run.finished_at = datetime.now(UTC)
    if not queries.is_worked_on(session, run):  # else whoever does closes them
        with tasks.queue(_owner()) as at:
            tasks.close(at, run.id)
    _note(session, run, "cancel", actor)


def retry(session: Session, run: FleetRun, *, actor: str, schema: str = "") -> int:
    """Queue what failed again, or one schema of it; returns how many. Raises ConflictError for none."""
    _check(session, run, "retry")
    with tasks.queue(_owner()) as at:
        count = tasks.retry(at, run.id, [schema] if schema else [])
    if not count:
        raise ConflictError("Nothing of this run has failed." if not schema else f"{schema} has not failed.")
    _note(session, run, "retry", actor, schema=schema, count=count)
    return count


def skip(session: Session, run: FleetRun, schema: str, *, reason: str, actor: str) -> None:
    """Leave a schema as it is, with the reason on record. Raises InvalidInputError, FleetError."""
    _check(session, run, "skip")
    reason = reason.strip()
    if len(reason) < REASON:
        message = f"Say in at least {REASON} characters why it is left out."
        raise InvalidInputError(message, fields={"reason": message})
    with tasks.queue(_owner()) as at:
        tasks.skip(at, run.id, schema, f"Left out by {actor}: {reason}")
    _note(session, run, "skip", actor, schema=schema, reason=reason)


def can_go_on(session: Session, run: FleetRun, *, after: str) -> bool:
    """Whether a run shall go on by itself after a retry: when nothing else waits for a decision."""
    if after != "retry" or queries.is_worked_on(session, run):
        return False
    with tasks.queue(_owner()) as at:
        return not tasks.count(at, run.id)["failed"]


def _owner() -> str:
    settings: Settings = current_app.extensions["steward_settings"]
    return settings.database_direct_url


def _check(session: Session, run: FleetRun, action: str) -> None:
    if action not in possible(session, run):
        raise ConflictError(f"Run {run.id} is {run.status}: {action} is not possible now.")


def _note(session: Session, run: FleetRun, action: str, actor: str, **detail: Any) -> None:
    session.flush()
    record_operation(f"fleet.{action}", f"run {run.id}", actor=actor, **detail)
