"""Reads the catalogue and what jobs know about backups."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select

from dashboard.backups.models import FAILED, RESTORABLE, Backup
from dashboard.core.db import db
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.jobs.models import ACTIVE, JobRun, RunStatus, ScheduleState
from dashboard.jobs.slots import next_slot

BACK_UP = "backups.back_up"
REPOSITORY = "backups.repository"
PAGE_ROWS = 100
# Barman's ids are times of begin, in the zone of its machine; other providers always tell the begin.
NEWEST_FIRST = (
    func.coalesce(Backup.begin_at, func.to_timestamp(Backup.backup_id, 'YYYYMMDD"T"HH24MISS')).desc(),
    Backup.backup_id.desc(),
)


@dataclass(frozen=True)
class Failure:
    """The newest backup that went wrong: when, why, and its job run if a job made it."""

    at: datetime
    reason: str
    run: JobRun | None = None


def list_backups(server: str, *, limit: int = PAGE_ROWS) -> list[Backup]:
    """Return the newest backups that are still in the repository."""
    return list(
        db.session.scalars(
            select(Backup)
            .where(Backup.server == server, Backup.gone_at.is_(None))
            .order_by(*NEWEST_FIRST)
            .limit(limit)
        )
    )


def count_backups(server: str) -> int:
    """Return how many backups the repository holds."""
    query = select(func.count()).where(Backup.server == server, Backup.gone_at.is_(None))
    return db.session.scalar(query) or 0


def find_newest(server: str, *, kind: str = "") -> Backup | None:
    """Return the newest backup one can restore from."""
    query = select(Backup).where(
        Backup.server == server, Backup.gone_at.is_(None), Backup.status.in_(RESTORABLE)
    )
    if kind:
        query = query.where(Backup.kind == kind)
    return db.session.scalar(query.order_by(*NEWEST_FIRST).limit(1))


def get_repository() -> Reading | None:
    """Return the last reading of the repository: checks, window, version."""
    return get_reading(REPOSITORY)


def find_running() -> JobRun | None:
    """Return the backup job that is queued or running, if any."""
    return db.session.scalar(
        select(JobRun)
        .where(JobRun.job == BACK_UP, JobRun.status.in_(ACTIVE))
        .order_by(JobRun.enqueued_at.desc())
        .limit(1)
    )


def has_tried_lately(within: timedelta) -> bool:
    """Whether a backup job was asked for within the last `within`."""
    query = select(JobRun.id).where(
        JobRun.job == BACK_UP,
        JobRun.enqueued_at > datetime.now(UTC) - within,
    )
    return db.session.scalar(query.limit(1)) is not None


def find_failure(server: str) -> Failure | None:
    """Return the last failure, unless a later backup went well."""
    newest = find_newest(server)
    since = newest.end_at if newest and newest.end_at else datetime.min.replace(tzinfo=UTC)
    run = db.session.scalar(
        select(JobRun)
        .where(
            JobRun.job == BACK_UP,
            JobRun.status.in_((RunStatus.FAILED, RunStatus.LOST)),
            JobRun.finished_at > since,
        )
        .order_by(JobRun.finished_at.desc())
        .limit(1)
    )
    if run and run.finished_at:
        return Failure(run.finished_at, run.error, run)
    return _failed_in_catalogue(server, newest)


def _failed_in_catalogue(server: str, newest: Backup | None) -> Failure | None:
    """A backup made outside Steward, by hand or by cron, leaves no job run."""
    query = select(Backup).where(Backup.server == server, Backup.gone_at.is_(None), Backup.status == FAILED)
    if newest:
        query = query.where(_is_later(newest))
    failed = db.session.scalar(query.order_by(*NEWEST_FIRST).limit(1))
    if failed is None:
        return None
    return Failure(failed.begin_at or _moment_of(failed.backup_id), failed.error or "No reason is given.")


def _is_later(newest: Backup) -> ColumnElement[bool]:
    """Compare begins; ids only where Barman tells no begin, because a backup failed before it had one."""
    by_id = Backup.backup_id > newest.backup_id
    if newest.begin_at is None:
        return by_id
    return case((Backup.begin_at.is_(None), by_id), else_=Backup.begin_at > newest.begin_at)


def _moment_of(backup_id: str) -> datetime:
    """A backup's id is the time of its begin on Barman's machine."""
    return datetime.strptime(backup_id, "%Y%m%dT%H%M%S").astimezone()


def find_next_run() -> datetime | None:
    """Return when the next scheduled backup is due; None when it is paused or not declared."""
    states = db.session.scalars(
        select(ScheduleState).where(
            ScheduleState.job == BACK_UP, ScheduleState.is_declared, ScheduleState.paused.is_(False)
        )
    )
    now = datetime.now(UTC)
    return min((next_slot(state, now) for state in states), default=None)
