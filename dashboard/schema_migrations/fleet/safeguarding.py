"""What comes before the first statement of a run: a backup that was verified, and a named restore point."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import select, update

from dashboard.backups import service as backups
from dashboard.backups import verifying
from dashboard.backups.models import DONE, RESTORABLE, Backup
from dashboard.backups.providers.choice import provider_of
from dashboard.backups.providers.interface import Provider, Restores, Watch
from dashboard.backups.restoring import points
from dashboard.backups.restoring.models import RestorePoint
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, UnavailableError
from dashboard.jobs import locks
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.fleet.models import FleetRun

BACKUP_LOCK = "barman"  # the lock of the job that backs up: two at once would refuse each other
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 1.0
Check = Callable[[], None]


class Follower(Protocol):
    """Who follows the work: a job's run, or a command line."""

    @property
    def job_id(self) -> UUID | None:
        """The job's run, None for a command line."""

    @property
    def actor(self) -> str:
        """Who asked for it."""

    def log(self, text: str) -> None:
        """Take a line."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Take how far it is."""

    def check_cancelled(self) -> None:
        """Raise when the work has to end."""


def secure(follower: Follower, run: FleetRun, settings: Settings, check: Check) -> None:
    """Make the backup, verify it, set the restore point; what an earlier attempt did is not done again.

    Raises UnavailableError or ConflictError: nothing was changed then. A run without a backup has no
    restore point either where none can be made.
    """
    if not run.backup_skipped and not run.backup_id:
        save(run, backup_id=verified_backup(follower, run.created_at, settings, check))
    if run.backup_skipped:
        follower.log(f"No backup was made: {run.backup_skipped}")
    if run.restore_point:
        return
    try:
        save(run, restore_point=_restore_point(follower, run, settings))
    except UnavailableError as error:
        if not run.backup_skipped:
            raise
        follower.log(f"There is no restore point either: {error.message}")


def verified_backup(follower: Follower, since: datetime, settings: Settings, check: Check) -> str:
    """Make a backup and verify it, unless one was begun `since`; return its id.

    Raises UnavailableError or ConflictError when there is none that holds.
    """
    provider = provider_of(settings)
    with _alone(follower, check):
        backup_id = _made_since(provider, since)
        if backup_id:
            follower.log(f"The backup {backup_id} was made already.")
        else:
            try:
                backup_id = provider.back_up("auto", Watch(follower.log, follower.progress, check))
            finally:
                provider.sync()
                db.session.commit()
    if provider.restores is Restores.SCRATCH:
        _verify(follower, provider, backup_id, settings, check)
    return backup_id


@contextmanager
def _alone(follower: Follower, check: Check) -> Iterator[None]:
    """Hold the backups' lock; wait for a backup that is under way, which may be the one we need."""
    told = False
    while True:
        with locks.try_lock(BACKUP_LOCK) as lock:
            if lock is not None:
                yield
                return
        if not told:
            follower.log("Another backup is under way; waiting for its end.")
            told = True
        check()
        time.sleep(PAUSE_SECONDS)


def _made_since(provider: Provider, since: datetime) -> str:
    """Find a complete backup that began since then: of an attempt that died."""
    query = select(Backup.backup_id).where(
        Backup.server == provider.server,
        Backup.gone_at.is_(None),
        Backup.status.in_(RESTORABLE),
        Backup.begin_at >= since,
    )
    return db.session.scalar(query.order_by(Backup.begin_at.desc()).limit(1)) or ""


def _verify(follower: Follower, provider: Provider, backup_id: str, settings: Settings, check: Check) -> None:
    known = verifying.list_latest(provider.server, [backup_id]).get(backup_id)
    if known is not None and known.passed:
        return
    backup = _complete(provider, backup_id, check)
    if backup.encryption:
        raise ConflictError(
            f"The backup {backup_id} is encrypted; only a drill can verify it.",
            fix="Let a drill restore it, then resume this run.",
        )
    follower.progress(0, 1, f"Verifying the backup {backup_id}")
    barman = backups.barman_of(settings)
    verdict = verifying.verify(barman, backup_id, run_id=follower.job_id, tick=check)
    db.session.commit()
    if not verdict.passed:
        raise UnavailableError(
            "backup",
            f"The backup {backup_id} is broken: {verdict.broken_file}. {verdict.reason}",
            fix="Nothing was changed. Make a full backup, look at the repository's disk, then start again.",
        )
    follower.log(f"The backup {backup_id} is verified: every file is as it was written.")


def _complete(provider: Provider, backup_id: str, check: Check) -> Backup:
    """Wait until the last WAL of a backup is filed away."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        backup = db.session.get(Backup, (provider.server, backup_id), populate_existing=True)
        if backup is not None and backup.status == DONE:
            return backup
        if time.monotonic() > deadline:
            raise UnavailableError("Barman", f"The WAL of the backup {backup_id} did not arrive.")
        check()
        time.sleep(PAUSE_SECONDS)
        provider.tend()
        provider.sync()
        db.session.commit()


def _restore_point(follower: Follower, run: FleetRun, settings: Settings) -> str:
    name = f"before-fleet-run-{run.id}"
    if db.session.scalar(select(RestorePoint.id).where(RestorePoint.name == name)) is None:
        reason = f"Before run {run.id} of plan {run.plan_id}"
        points.create_point(db.session(), settings, name=name, reason=reason, actor=follower.actor)
        db.session.commit()
    follower.log(f"Restore point {name} is set: a restore can go back to exactly here.")
    return name


def save(run: FleetRun, **values: Any) -> None:
    """Write some columns at once, whatever becomes of the caller's own transaction."""
    with control_transaction() as session:
        session.execute(update(FleetRun).where(FleetRun.id == run.id).values(**values))
    for name, value in values.items():
        setattr(run, name, value)


def words_of(error: DashboardError) -> str:
    """Return an error as people read it."""
    return f"{error.message} {error.fix}".strip()
