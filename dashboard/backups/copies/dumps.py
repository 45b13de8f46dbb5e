"""Makes, proves, forgets and hands out dumps: of the ERP database, of one tenant. The jobs commit."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import make_url

from dashboard.backups.copies import archives, queries, service
from dashboard.backups.copies.archives import BrokenArchiveError, Contents, Source
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.place import UNFINISHED, CopyPlace, place_of
from dashboard.backups.copies.setup import KEEP_DAYS, programs_of, workshop
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.files.store import MissingObjectError
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.jobs.run import Run
from dashboard.settings.queries import value
from dashboard.tenancy.models import TenantRef

PROOF = "restored into a server made for it"
STEPS = 4
CHUNK = 1024 * 1024
ABANDONED = timedelta(days=1)


@dataclass(frozen=True)
class Order:
    """What is to be dumped, and what the list of copies calls it."""

    kind: CopyKind
    subject: str
    source: Source


@dataclass(frozen=True)
class Stored:
    """Where a copy lies, and what was written there."""

    key: str
    location: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Made:
    """A dump in its place, and what its restore brought back."""

    stored: Stored
    contents: Contents


def of_database(settings: Settings) -> Order:
    """The whole ERP database, as the backup login; as the owner where none is set."""
    url = settings.backup_url or settings.database_direct_url
    return Order(CopyKind.DATABASE, make_url(url).database or "", Source(url))


def of_tenant(settings: Settings, tenant: TenantRef) -> Order:
    """One tenant's schema."""
    url = settings.backup_url or settings.database_direct_url
    return Order(CopyKind.TENANT, tenant.slug, Source(url, tenant.schema))


def begin(order: Order, run: Run) -> BackupCopy:
    """Add the row; what was broken off before counts as failed."""
    close_interrupted()
    return service.begin(order.kind, order.subject, location="", actor=run.actor, run_id=run.id)


def make(key: str, order: Order, settings: Settings, run: Run) -> Made:
    """Dump, read through, restore as proof, put in place. Works on no session: it may take hours.

    Raises ArchiveError, StoreError, ServerError.
    """
    programs, place, tick = programs_of(settings), place_of(settings), run.check_cancelled
    with workshop(settings) as folder:
        archive = folder / "archive"
        run.progress(0, STEPS, f"Dumping {order.subject}")
        archives.dump(order.source, archive, programs, tick)
        digest, size = sha256_of(archive), archive.stat().st_size
        run.log(f"{size:,} bytes, SHA-256 {digest}")
        run.progress(1, STEPS, "Reading it to its end")
        archives.read_through(archive, programs, tick)
        run.progress(2, STEPS, "Restoring it into a server of its own")
        found = archives.prove(order.source, archive, programs, tick)
        run.log(f"Restored {found.tables:,} tables with {found.rows:,} rows in {found.seconds:.1f} s")
        run.progress(3, STEPS, "Putting it in place")
        return Made(Stored(key, place.put_file(key, archive), size, digest), found)


def finish(copy: BackupCopy, made: Made) -> None:
    """Count a dump as done and proven."""
    stored, found = made.stored, made.contents
    copy.location = stored.location
    facts = {"tables": found.tables, "rows": found.rows, "restore_seconds": round(found.seconds, 1)}
    service.finish(copy, size_bytes=stored.size_bytes, sha256=stored.sha256, key=stored.key, **facts)
    service.mark_proven(copy, PROOF)


def prove_again(stored: Stored, source: Source, settings: Settings, run: Run) -> None:
    """Fetch a dump and restore it. Raises BrokenArchiveError when it is not what was written."""
    with workshop(settings) as folder:
        archive = folder / "archive"
        run.progress(0, 3, "Fetching it")
        fetch(stored, place_of(settings), archive)
        run.progress(1, 3, "Reading it to its end")
        programs = programs_of(settings)
        archives.read_through(archive, programs, run.check_cancelled)
        run.progress(2, 3, "Restoring it into a server of its own")
        archives.prove(source, archive, programs, run.check_cancelled)


def fetch(stored: Stored, place: CopyPlace, target: Path) -> None:
    """Bring a copy here and compare its SHA-256. Raises BrokenArchiveError, StoreError."""
    digest, size = hashlib.sha256(), 0
    try:
        with place.open(stored.key) as source, target.open("wb") as written:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += written.write(chunk)
    except MissingObjectError as error:
        raise BrokenArchiveError(f"{stored.location} is gone.") from error
    if size != stored.size_bytes:
        raise BrokenArchiveError(f"{stored.location} has {size:,} bytes, {stored.size_bytes:,} were written.")
    if digest.hexdigest() != stored.sha256:
        raise BrokenArchiveError(f"{stored.location} has changed since it was written: its SHA-256 differs.")


def stored_of(copy: BackupCopy) -> Stored:
    """Return where a copy lies. Raises ConflictError for one that is not there."""
    if copy.status != queries.DONE or "key" not in copy.details:
        raise ConflictError(
            f"This copy is {copy.status} and cannot be read.", fix="Choose one that is done, or make one."
        )
    return Stored(copy.details["key"], copy.location, copy.size_bytes or 0, copy.sha256)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def key_of(copy: BackupCopy, ending: str = "dump") -> str:
    """Return where a copy that has begun will lie."""
    began = copy.started_at.astimezone(UTC)
    return f"{copy.kind}/{copy.subject}-{began:%Y%m%dT%H%M%SZ}-{copy.id}.{ending}"


def failed(copy: BackupCopy, error: Exception) -> UnavailableError:
    """Mark a copy as failed and return what the job tells."""
    reason = " ".join(filter(None, (str(error), getattr(error, "fix", ""))))
    service.fail(copy, reason)
    return UnavailableError("copies", f"The copy of {copy.subject} failed. {reason}")


def broken(copy: BackupCopy, error: Exception) -> UnavailableError:
    """Take a copy that was good out of the good ones."""
    copy.proven_at, copy.proven_by = None, ""
    service.fail(copy, f"Backup broken: {error}")
    return UnavailableError("copies", f"Backup broken: {error}", fix="Make a new one now.")


def not_proven(error: Exception) -> UnavailableError:
    """Return what the job tells when the proof could not be made, which says nothing of the copy."""
    return UnavailableError("copies", f"Nothing is known of the copy: the proof failed. {error}")


def close_interrupted() -> int:
    """Mark as failed what a killed worker left as running; return how many."""
    active = select(JobRun.id).where(JobRun.status.in_(ACTIVE))
    left = select(BackupCopy).where(
        BackupCopy.status == queries.RUNNING,
        BackupCopy.kind != CopyKind.OFFSITE,
        BackupCopy.run_id.is_not(None),
        BackupCopy.run_id.not_in(active),
    )
    rows = list(db.session.scalars(left))
    for row in rows:
        service.fail(row, "It was broken off; what it had written does not count.")
    return len(rows)


def forget_old(kind: CopyKind, settings: Settings, now: datetime | None = None) -> int:
    """Remove dumps older than the setting says, never the newest good one of a subject; return how many."""
    limit = (now or datetime.now(UTC)) - timedelta(days=value(KEEP_DAYS))
    place, newest, removed = place_of(settings), set[str](), 0
    for copy in queries.list_copies(kind, statuses=[queries.DONE], limit=100_000):
        if copy.subject not in newest:
            newest.add(copy.subject)
        elif (copy.finished_at or copy.started_at) < limit and "key" in copy.details:
            place.delete(copy.details["key"])
            service.mark_gone(copy)
            removed += 1
    _forget_unfinished(place, kind)
    return removed


def _forget_unfinished(place: CopyPlace, kind: CopyKind) -> None:
    limit = datetime.now(UTC) - ABANDONED
    for found in place.objects(str(kind)):
        if found.key.endswith(UNFINISHED) and found.modified < limit:
            place.delete(found.key)
