"""Reads the copies that were made, and when each kind was last proven."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.core.db import db
from dashboard.jobs.models import ACTIVE, JobRun

PAGE_ROWS = 50
DONE, RUNNING, GONE, FAILED = "done", "running", "gone", "failed"


def list_copies(
    *kinds: CopyKind, subject: str = "", statuses: Iterable[str] = (), limit: int = PAGE_ROWS
) -> list[BackupCopy]:
    """Return the newest copies of some kinds, also failed ones and those retention removed."""
    query = select(BackupCopy).where(BackupCopy.kind.in_(kinds))
    if subject:
        query = query.where(BackupCopy.subject == subject)
    if wanted := list(statuses):
        query = query.where(BackupCopy.status.in_(wanted))
    newest = query.order_by(BackupCopy.started_at.desc(), BackupCopy.id.desc()).limit(limit)
    return list(db.session.scalars(newest))


def find_latest(kind: CopyKind, subject: str = "", *, status: str = DONE) -> BackupCopy | None:
    """Return the newest copy of a kind in a status (done unless said otherwise)."""
    found = list_copies(kind, subject=subject, statuses=[status], limit=1)
    return found[0] if found else None


def find_failure(kind: CopyKind) -> BackupCopy | None:
    """Return the newest copy of a kind when it failed, so that no later one made it good."""
    newest = list_copies(kind, statuses=[DONE, FAILED], limit=1)
    return newest[0] if newest and newest[0].status == FAILED else None


def find_proven(kind: CopyKind) -> BackupCopy | None:
    """Return the copy of a kind that was proven last, even if retention has removed it since."""
    query = select(BackupCopy).where(BackupCopy.kind == kind, BackupCopy.proven_at.is_not(None))
    return db.session.scalar(query.order_by(BackupCopy.proven_at.desc()).limit(1))


def sum_up(kind: CopyKind) -> tuple[int, int, datetime | None]:
    """Return how many copies of a kind there are, their bytes together, and when the newest was finished."""
    query = select(
        func.count(), func.coalesce(func.sum(BackupCopy.size_bytes), 0), func.max(BackupCopy.finished_at)
    ).where(BackupCopy.kind == kind, BackupCopy.status == DONE)
    count, size, newest = db.session.execute(query).one()
    return count or 0, int(size or 0), newest


def find_run(*jobs: str) -> JobRun | None:
    """Return the newest run of some jobs that is queued or running."""
    active = select(JobRun).where(JobRun.job.in_(jobs), JobRun.status.in_(ACTIVE))
    return db.session.scalar(active.order_by(JobRun.enqueued_at.desc()).limit(1))
