"""Reads restores for pages and other features."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from dashboard.backups.restoring.models import UNDER_WAY, Restore, RestoreStatus
from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.jobs.models import ACTIVE, JobRun

RESTORE, TEAR_DOWN = "backups.restore", "backups.tear_down_restore"
PAGE_ROWS = 50
# How long each part takes of the whole, as far as the forecast of the end knows: bytes, then WAL.
BYTES_SHARE = 0.7


def get_restore(restore_id: int) -> Restore:
    """Return a restore. Raises NotFoundError."""
    found = db.session.get(Restore, restore_id, populate_existing=True)
    if found is None:
        raise NotFoundError("There is no such restore.")
    return found


def list_restores(*, limit: int = PAGE_ROWS) -> list[Restore]:
    """Return the newest restores, whatever they were for."""
    return list(db.session.scalars(select(Restore).order_by(Restore.created_at.desc()).limit(limit)))


def list_waiting() -> list[JobRun]:
    """Return restores that were asked for and have no row yet: their worker is busy or away."""
    begun = select(Restore.run_id).where(Restore.run_id.is_not(None))
    query = select(JobRun).where(JobRun.job == RESTORE, JobRun.status.in_(ACTIVE), JobRun.id.not_in(begun))
    return list(db.session.scalars(query.order_by(JobRun.enqueued_at)))


def find_tear_down(restore_id: int) -> JobRun | None:
    """Return the job that is to tear a restore down, while it waits or works."""
    return db.session.scalar(
        select(JobRun)
        .where(
            JobRun.job == TEAR_DOWN,
            JobRun.status.in_(ACTIVE),
            JobRun.args["restore_id"].as_integer() == restore_id,
        )
        .limit(1)
    )


def find_run(restore: Restore) -> JobRun | None:
    """Return the job run that makes a restore, or made it."""
    return db.session.get(JobRun, restore.run_id, populate_existing=True) if restore.run_id else None


def share_done(restore: Restore) -> float:
    """Return how far a restore is, from 0 to 1."""
    if restore.status == RestoreStatus.READY:
        return 1.0
    fetched = restore.bytes_done / restore.bytes_total if restore.bytes_total else 0.0
    replayed = restore.wal_done / restore.wal_total if restore.wal_total else 0.0
    return min(BYTES_SHARE * fetched + (1 - BYTES_SHARE) * replayed, 1.0)


def estimate_end(restore: Restore, now: datetime | None = None) -> datetime | None:
    """Return when a restore under way will be ready at its pace so far; None before that can be said."""
    share = share_done(restore)
    if restore.status not in UNDER_WAY or share < 0.02:
        return None
    now = now or datetime.now(UTC)
    elapsed = (now - restore.created_at).total_seconds()
    return now + timedelta(seconds=elapsed * (1 - share) / share)
