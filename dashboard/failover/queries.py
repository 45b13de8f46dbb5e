"""Reads the evidence of failovers: the last ones, what is under way, when the next rehearsal is due."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from dashboard.backups.models import Backup
from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.jobs.models import ACTIVE, JobRun, ScheduleState
from dashboard.jobs.slots import next_slot
from dashboard.settings.queries import value

REHEARSE = "failover.rehearse"
SWITCH_OVER = "failover.switch_over"
PROMOTE, REJOIN = "failover.promote", "failover.rejoin"
PATRONI = "failover.drive_patroni"
CHANGES = (SWITCH_OVER, PROMOTE, REJOIN, PATRONI)
PAGE_ROWS = 50
# What shows that a failover works: a promotion is an emergency and proves nothing about the next one.
PROOFS = (Kind.REHEARSAL, Kind.SWITCHOVER)


@dataclass(frozen=True)
class Promises:
    """What was agreed: how old the last proof may be, how long writes may be impossible, what may be lost."""

    proof: timedelta
    outage_ms: float
    rpo_seconds: float


def read_promises() -> Promises:
    """Return the promises that hold now."""
    return Promises(
        timedelta(days=int(value("failover.every_days"))),
        1000.0 * float(value("failover.outage_seconds")),
        float(value("backups.rpo_seconds")),
    )


def list_failovers(*kinds: Kind, limit: int = PAGE_ROWS) -> list[Rehearsal]:
    """Return the newest ones, of all kinds when none is named."""
    query = select(Rehearsal).order_by(Rehearsal.started_at.desc(), Rehearsal.id.desc())
    return list(db.session.scalars((query.where(Rehearsal.kind.in_(kinds)) if kinds else query).limit(limit)))


def count_failovers() -> int:
    """Return how many there have been."""
    return db.session.scalar(select(func.count()).select_from(Rehearsal)) or 0


def get_failover(failover_id: int) -> Rehearsal:
    """Return one, as it is now. Raises NotFoundError."""
    row = db.session.get(Rehearsal, failover_id, populate_existing=True)
    if row is None:
        raise NotFoundError("There is no such failover.")
    return row


def find_last(*kinds: Kind, status: Status | None = None) -> Rehearsal | None:
    """Return the newest of some kinds that has ended (in one way, when it is named)."""
    query = select(Rehearsal).where(
        Rehearsal.kind.in_(kinds or tuple(Kind)),
        Rehearsal.status == status if status else Rehearsal.status != Status.RUNNING,
    )
    return db.session.scalar(query.order_by(Rehearsal.started_at.desc(), Rehearsal.id.desc()).limit(1))


def find_proof() -> Rehearsal | None:
    """Return the newest rehearsal or switchover that went well."""
    return find_last(*PROOFS, status=Status.DONE)


def proof_counts_from() -> datetime | None:
    """Return the end of the last proof; before the first, the first backup: until then none is due."""
    proof = find_proof()
    return proof.finished_at if proof else db.session.scalar(select(func.min(Backup.end_at)))


def find_under_way(*names: str) -> JobRun | None:
    """Return the newest run of these jobs that is queued or running, if any."""
    query = select(JobRun).where(JobRun.job.in_(names), JobRun.status.in_(ACTIVE))
    return db.session.scalar(query.order_by(JobRun.enqueued_at.desc()).limit(1))


def find_by_run(run: JobRun) -> Rehearsal | None:
    """Return the evidence that a run writes, once it has begun."""
    query = select(Rehearsal).where(Rehearsal.run_id == run.id).order_by(Rehearsal.id.desc())
    return db.session.scalar(query.limit(1))


def find_run(row: Rehearsal) -> JobRun | None:
    """Return the job run that made it, while its log is kept."""
    return db.session.get(JobRun, row.run_id, populate_existing=True) if row.run_id else None


def list_dead() -> list[Rehearsal]:
    """Return what says it runs although its job's run has ended, or is not known any more."""
    alive = select(JobRun.id).where(JobRun.status.in_(ACTIVE))
    query = select(Rehearsal).where(
        Rehearsal.status == Status.RUNNING, Rehearsal.run_id.is_(None) | Rehearsal.run_id.not_in(alive)
    )
    return list(db.session.scalars(query))


def list_alive() -> list[int]:
    """Return the numbers of those under way."""
    return list(db.session.scalars(select(Rehearsal.id).where(Rehearsal.status == Status.RUNNING)))


def find_next_run() -> datetime | None:
    """Return when the next timed rehearsal is made; None when the schedule is paused or not declared."""
    states = db.session.scalars(
        select(ScheduleState).where(
            ScheduleState.job == REHEARSE, ScheduleState.is_declared, ScheduleState.paused.is_(False)
        )
    )
    now = datetime.now(UTC)
    return min((next_slot(state, now) for state in states), default=None)


def find_due() -> datetime | None:
    """Return the moment at which the proof becomes too old; None where nothing is due yet."""
    since = proof_counts_from()
    return since + read_promises().proof if since else None
