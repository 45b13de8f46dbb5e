"""Verifies backups against their manifest, and keeps every verdict (BAK-8)."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from dashboard.backups import keeping_barman
from dashboard.backups.barman import Barman, BarmanError
from dashboard.backups.drills.models import Verification
from dashboard.backups.models import DONE, Backup
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError, UnavailableError

CHECKSUM, RESTORED = "checksum", "restored"
ENCRYPTED = (
    "This backup is encrypted: its files cannot be compared with the manifest as they lie there. "
    "It counts as verified when a drill has restored it."
)


def verify(
    barman: Barman, backup_id: str, *, run_id: UUID | None = None, tick: Callable[[], None] = lambda: None
) -> Verification:
    """Compare a backup with its manifest and keep the verdict. Flushes.

    Raises ConflictError for a backup that cannot be verified this way, UnavailableError when Barman could
    not compare it: neither says anything about the backup.
    """
    backup = _verifiable(barman.server, backup_id)
    began = time.monotonic()
    try:
        verdict = keeping_barman.verify(barman, backup_id, tick)
    except BarmanError as error:
        raise UnavailableError("Barman", f"The backup could not be verified. {error}") from error
    made = Verification(
        server=barman.server,
        backup_id=backup_id,
        method=CHECKSUM,
        passed=verdict.passed,
        reason=verdict.reason,
        broken_file=verdict.broken_file,
        seconds=round(time.monotonic() - began, 3),
        run_id=run_id,
    )
    db.session.add(made)
    backup.verified_at = datetime.now(UTC) if verdict.passed else None
    db.session.flush()
    return made


def _verifiable(server: str, backup_id: str) -> Backup:
    backup = db.session.get(Backup, (server, backup_id))
    if backup is None or backup.gone_at:
        raise NotFoundError(f"The repository holds no backup {backup_id}.")
    if backup.encryption:
        raise ConflictError(ENCRYPTED)
    if backup.status != DONE:
        raise ConflictError("Only a backup that is complete, with its WAL, can be verified.")
    return backup


def can_verify(backup: Backup) -> bool:
    """Whether its files can be compared with its manifest."""
    return backup.status == DONE and not backup.encryption and backup.gone_at is None


def list_latest(server: str, backup_ids: Iterable[str]) -> dict[str, Verification]:
    """Return the newest verdict on each of some backups, by its id."""
    query = (
        select(Verification)
        .where(Verification.server == server, Verification.backup_id.in_(list(backup_ids)))
        .order_by(Verification.backup_id, Verification.at.desc(), Verification.id.desc())
        .ext(distinct_on(Verification.backup_id))
    )
    return {verdict.backup_id: verdict for verdict in db.session.scalars(query)}


def list_verdicts(server: str, limit: int = 20) -> list[Verification]:
    """Return the newest verdicts, passed and failed, also on backups that are gone."""
    query = select(Verification).where(Verification.server == server)
    return list(
        db.session.scalars(query.order_by(Verification.at.desc(), Verification.id.desc()).limit(limit))
    )


def find_broken(server: str) -> list[Verification]:
    """Return the verdicts on backups still in the repository whose newest verification failed."""
    held = select(Backup.backup_id).where(Backup.server == server, Backup.gone_at.is_(None))
    verdicts = list_latest(server, db.session.scalars(held).all())
    return [verdict for verdict in verdicts.values() if not verdict.passed]


def is_broken(server: str, backup_id: str) -> bool:
    """Whether a backup, or one it stands on, failed its newest verification: nothing may be built on it."""
    ids = []
    while backup_id and backup_id not in ids:
        ids.append(backup_id)
        backup = db.session.get(Backup, (server, backup_id))
        backup_id = (backup.parent_id or "") if backup else ""
    return any(not verdict.passed for verdict in list_latest(server, ids).values())


def choose_next(server: str) -> str:
    """Return the backup verified the longest ago, never-verified ones first; '' when there is none."""
    query = select(Backup).where(
        Backup.server == server,
        Backup.gone_at.is_(None),
        Backup.status == DONE,
        Backup.encryption.is_(None),
    )
    oldest = query.order_by(Backup.verified_at.asc().nulls_first(), Backup.backup_id.desc()).limit(1)
    backup = db.session.scalar(oldest)
    return backup.backup_id if backup else ""
