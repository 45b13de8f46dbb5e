"""Gathers what the overview of the desk shows beside catalogue and dials: proofs, schedules, evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.drills.models import Drill, Outcome, Verification
from dashboard.core.db import db
from dashboard.core.filters import duration
from dashboard.health.judging import CRITICAL, OK, WARNING
from dashboard.health.queries import get_reading
from dashboard.jobs.models import ScheduleState
from dashboard.jobs.slots import next_slot
from dashboard.settings import queries as settings

POLICY = "backups.policy"
METHODS = {"checksum": "by checksums", "restored": "restored by a drill"}


@dataclass(frozen=True)
class Proof:
    """One proof: `headline` None reads as no data; `at` is when, `url` leads to it."""

    title: str
    status: str
    headline: str | None
    text: str
    at: datetime | None = None


def proofs(server: str) -> list[Proof]:
    """How one knows: the last drill, the last verification, the last copy elsewhere."""
    return [_drill(server), _verification(server), _offsite()]


def _drill(server: str) -> Proof:
    """A drill that broke by itself says nothing against the backup, but proves nothing either."""
    title = "Last drill"
    ended = select(Drill).where(Drill.server == server, Drill.outcome != Outcome.RUNNING)
    drill = db.session.scalar(ended.order_by(Drill.started_at.desc()).limit(1))
    if drill is None:
        return Proof(title, "unverified", None, "No drill has been made: nobody knows that a restore works.")
    age = datetime.now(UTC) - drill.started_at
    headline = f"{duration(age)} ago"
    if drill.outcome == Outcome.BACKUP_BROKEN:
        text = f"Backup broken: {drill.broken_file or drill.reason}"
        return Proof(title, CRITICAL, headline, text, drill.started_at)
    if drill.outcome != Outcome.PASSED:
        return Proof(title, WARNING, headline, f"It proved nothing: {drill.reason}", drill.started_at)
    days = settings.value("drills.every_days")
    figures = f"{duration(drill.rto_seconds)} to restore, {duration(drill.rpo_seconds)} lost"
    if age.days >= days:
        return Proof(title, WARNING, headline, f"One is due every {days} days. {figures}", drill.started_at)
    return Proof(title, OK, headline, f"Passed: {figures}", drill.started_at)


def _verification(server: str) -> Proof:
    title = "Last verification"
    query = select(Verification).where(Verification.server == server)
    last = db.session.scalar(query.order_by(Verification.at.desc()).limit(1))
    if last is None:
        return Proof(title, "unverified", None, "No backup has been verified yet.")
    age = datetime.now(UTC) - last.at
    headline = f"{duration(age)} ago"
    if not last.passed:
        text = f"{last.backup_id} is broken: {last.broken_file} {last.reason}".strip()
        return Proof(title, CRITICAL, headline, text, last.at)
    days = settings.value("backups.verify_every_days")
    text = f"{last.backup_id} passed, {METHODS[last.method]}"
    return Proof(title, WARNING if age.days >= days else OK, headline, text, last.at)


def _offsite() -> Proof:
    title = "Off-site copy"
    query = select(BackupCopy).where(BackupCopy.kind == CopyKind.OFFSITE, BackupCopy.status != "running")
    last = db.session.scalar(query.order_by(BackupCopy.started_at.desc()).limit(1))
    if last is None:
        return Proof(title, "unverified", None, "No backup has been copied to another place.")
    at = last.finished_at or last.started_at
    headline = f"{duration(datetime.now(UTC) - at)} ago"
    if last.status == "failed":
        return Proof(title, CRITICAL, headline, last.reason or "It failed without a reason.", at)
    if last.proven_at is None:
        return Proof(title, WARNING, headline, f"{last.subject}, never proven to be usable", at)
    proven = duration(datetime.now(UTC) - last.proven_at)
    return Proof(title, OK, headline, f"{last.subject}, proven {proven} ago by {last.proven_by}", at)


def list_offsite(backup_ids: Iterable[str]) -> dict[str, BackupCopy]:
    """Return the newest finished copy elsewhere of each of some backups."""
    query = select(BackupCopy).where(
        BackupCopy.kind == CopyKind.OFFSITE,
        BackupCopy.subject.in_(list(backup_ids)),
        BackupCopy.status == "done",
    )
    return {copy.subject: copy for copy in db.session.scalars(query.order_by(BackupCopy.started_at))}


def list_kept() -> set[str]:
    """Return the backups that are exempt from retention, as last read."""
    reading = get_reading(POLICY)
    kept = reading.data.get("kept", []) if reading else []
    return {row if isinstance(row, str) else str(row.get("backup_id", "")) for row in kept}


def find_next(job: str) -> datetime | None:
    """Return when a timed job is due next; None when it is paused or not declared."""
    states = db.session.scalars(
        select(ScheduleState).where(
            ScheduleState.job == job, ScheduleState.is_declared, ScheduleState.paused.is_(False)
        )
    )
    now = datetime.now(UTC)
    return min((next_slot(state, now) for state in states), default=None)
