"""Reads the evidence of drills: the list, the last of each kind, what is under way, when the next is due."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from dashboard.backups.drills.models import Drill, Outcome
from dashboard.backups.queries import find_newest
from dashboard.backups.restoring.models import Restore, RestoreStatus
from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.jobs.models import ACTIVE, JobRun, ScheduleState
from dashboard.jobs.slots import next_slot
from dashboard.settings.queries import value

DRILL = "backups.drill"
PAGE_ROWS = 50
# A backup that has just been made is still being written to disk and to other places.
FIRST_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Promises:
    """What the business agreed to, in seconds, and how old a proof may be."""

    rpo_seconds: float
    rto_seconds: float
    proof: timedelta


def read_promises() -> Promises:
    """Return the promises that hold now."""
    days = timedelta(days=int(value("drills.every_days")))
    return Promises(float(value("backups.rpo_seconds")), float(value("backups.rto_seconds")), days)


def list_drills(server: str, *, limit: int = PAGE_ROWS) -> list[Drill]:
    """Return the newest drills."""
    query = select(Drill).where(Drill.server == server).order_by(Drill.started_at.desc(), Drill.id.desc())
    return list(db.session.scalars(query.limit(limit)))


def count_drills(server: str) -> int:
    """Return how many drills there have been."""
    return db.session.scalar(select(func.count()).where(Drill.server == server)) or 0


def get_drill(drill_id: int) -> Drill:
    """Return one drill. Raises NotFoundError."""
    drill = db.session.get(Drill, drill_id)
    if drill is None:
        raise NotFoundError("There is no such drill.")
    return drill


def find_last(server: str, *outcomes: Outcome) -> Drill | None:
    """Return the newest drill that ended in one of these ways (any when none is given)."""
    query = select(Drill).where(Drill.server == server)
    if outcomes:
        query = query.where(Drill.outcome.in_(outcomes))
    return db.session.scalar(query.order_by(Drill.started_at.desc(), Drill.id.desc()).limit(1))


def find_under_way() -> JobRun | None:
    """Return the run of a drill that is queued or running, if any."""
    query = select(JobRun).where(JobRun.job == DRILL, JobRun.status.in_(ACTIVE))
    return db.session.scalar(query.order_by(JobRun.enqueued_at.desc()).limit(1))


def find_run(drill: Drill) -> JobRun | None:
    """Return the job run that made a drill, while its log is kept."""
    return db.session.get(JobRun, drill.run_id) if drill.run_id else None


def list_dead() -> list[Drill]:
    """Return the drills that say they run although their job's run has ended, or is not known any more."""
    alive = select(JobRun.id).where(JobRun.status.in_(ACTIVE))
    query = select(Drill).where(
        Drill.outcome == Outcome.RUNNING, Drill.run_id.is_(None) | Drill.run_id.not_in(alive)
    )
    return list(db.session.scalars(query))


def list_left() -> list[Restore]:
    """Return the scratch servers of drills that nobody works on any more."""
    alive = select(JobRun.id).where(JobRun.status.in_(ACTIVE))
    query = select(Restore).where(
        Restore.purpose == "drill",
        Restore.status == RestoreStatus.READY,
        Restore.run_id.is_(None) | Restore.run_id.not_in(alive),
    )
    return list(db.session.scalars(query))


def find_next_run() -> datetime | None:
    """Return when the next timed drill is due; None when the schedule is paused or not declared."""
    states = db.session.scalars(
        select(ScheduleState).where(
            ScheduleState.job == DRILL, ScheduleState.is_declared, ScheduleState.paused.is_(False)
        )
    )
    now = datetime.now(UTC)
    return min((next_slot(state, now) for state in states), default=None)


def needs_first(server: str) -> bool:
    """Whether there is something to prove, nothing ever tried, and nobody about to."""
    newest = find_newest(server)
    if newest is None or newest.end_at is None or datetime.now(UTC) - newest.end_at < FIRST_AFTER:
        return False
    return find_last(server) is None and find_under_way() is None
