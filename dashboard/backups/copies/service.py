"""Keeps the list of copies: one begins, is finished, fails, is proven, is gone. The jobs commit."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.queries import DONE, FAILED, GONE, RUNNING
from dashboard.core.db import db


def begin(kind: CopyKind, subject: str, *, location: str, actor: str, run_id: UUID | None) -> BackupCopy:
    """Add a copy that is being made; what an earlier attempt of the same run left counts as failed."""
    broken_off = update(BackupCopy).where(
        BackupCopy.kind == kind,
        BackupCopy.subject == subject,
        BackupCopy.location == location,
        BackupCopy.status == RUNNING,
    )
    db.session.execute(
        broken_off.values(
            status=FAILED,
            reason="It was broken off; a later attempt goes on from there.",
            finished_at=datetime.now(UTC),
        )
    )
    made = BackupCopy(
        kind=kind, subject=subject, location=location, actor=actor, run_id=run_id, status=RUNNING
    )
    db.session.add(made)
    db.session.flush()
    return made


def finish(copy: BackupCopy, *, size_bytes: int, sha256: str = "", **details: Any) -> None:
    """Mark a copy as complete."""
    copy.status, copy.reason, copy.finished_at = DONE, "", datetime.now(UTC)
    copy.size_bytes, copy.sha256, copy.details = size_bytes, sha256, details
    db.session.flush()


def fail(copy: BackupCopy, reason: str) -> None:
    """Mark a copy as failed; the reason is shown as it stands."""
    copy.status, copy.reason, copy.finished_at = FAILED, reason, datetime.now(UTC)
    db.session.flush()


def mark_proven(copy: BackupCopy, how: str) -> None:
    """Remember that a copy was just shown to be usable, and by what."""
    copy.proven_at, copy.proven_by = datetime.now(UTC), how
    db.session.flush()


def mark_gone(copy: BackupCopy) -> None:
    """Remember that retention removed a copy; the row stays as evidence."""
    copy.status = GONE
    db.session.flush()
