"""Owns when an action's job is asked for: at once, when its window opens, or again after a broken run."""

from datetime import UTC, datetime

from sqlalchemy import func

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.actions import leftovers, queries, service
from dashboard.health.actions.commands import Thing
from dashboard.health.actions.kinds import KINDS
from dashboard.health.actions.models import MaintenanceAction, Status
from dashboard.health.actions.windows import opening
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun, RunStatus

CLEANED_AT_ONCE = 5
SIGNAL, PERFORM = "actions.signal", "actions.perform"


def find_run(action: MaintenanceAction) -> JobRun | None:
    """Return the job that does it now, or did it last."""
    return db.session.get(JobRun, action.run_id, populate_existing=True) if action.run_id else None


def start(action: MaintenanceAction) -> None:
    """Ask for the job of an action that is due and has none. The caller commits."""
    if action.status not in (Status.QUEUED, Status.RUNNING):
        return
    run = find_run(action)
    if run is not None and run.is_active:
        return
    job = SIGNAL if KINDS[action.kind].is_signal else PERFORM
    action.run_id = jobs.enqueue(job, {"action": action.id}, actor=action.actor).id
    db.session.flush()


def look_after_all(settings: Settings) -> dict[str, int]:
    """Start what is due, settle what broke. Runs every minute; commits after each action."""
    counts = {"started": 0, "settled": 0, "cleaned": _clean_up(settings)}
    now = datetime.now(UTC)
    for action in queries.list_open():
        if action.status == Status.DEFERRED and _is_due(action, now):
            action.status = Status.QUEUED
            service.note(action, "window opened")
            db.session.commit()
        before = action.run_id
        counts["settled"] += _settle(action)
        start(action)
        counts["started"] += action.run_id != before
        db.session.commit()
    return counts


def _clean_up(settings: Settings) -> int:
    """Remove half-made indexes that somebody held when their build was stopped."""
    count = 0
    for item, action in queries.list_leftovers(CLEANED_AT_ONCE):
        thing = Thing(item.schema_name, action.target.get("table", ""), action.target.get("index", ""))
        if leftovers.remove(settings.database_direct_url, action.kind, thing):
            item.has_leftover = False
            count += 1
        db.session.commit()
    return count


def _is_due(action: MaintenanceAction, now: datetime) -> bool:
    window = queries.get_window(action.window_id) if action.window_id else None
    return window is None or opening(window, now).is_open(now)


def _settle(action: MaintenanceAction) -> bool:
    """Write down what a run that ended badly could not write itself."""
    run = find_run(action)
    if run is None or run.is_active or action.status != Status.RUNNING:
        return False
    if run.status == RunStatus.CANCELLED:
        action.status = Status.PAUSED
        action.outcome = "Its job was cancelled; resume it to go on with what is left."
        db.session.flush()
        return True
    if run.status in (RunStatus.FAILED, RunStatus.LOST):
        service.finish(action, Status.FAILED, run.error or "Its worker was lost.")
        return True
    return False


def stamp_start(action: MaintenanceAction) -> None:
    """Note that it runs now, and since when."""
    action.status = Status.RUNNING
    action.started_at = action.started_at or func.clock_timestamp()
    db.session.flush()
