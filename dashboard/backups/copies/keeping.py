"""Keeps the copies of what is no database: the uploaded files and the broker. The jobs commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from dashboard.backups.copies import broker, dumps, service, uploads
from dashboard.backups.copies.dumps import Stored
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.place import place_of
from dashboard.backups.copies.setup import KEEP_DAYS, workshop
from dashboard.backups.copies.uploads import Report
from dashboard.core.config import Settings
from dashboard.core.errors import UnavailableError
from dashboard.files.models import Attachment
from dashboard.files.store import FileStore
from dashboard.jobs.run import Run
from dashboard.settings.queries import value
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

FILES_PROOF = "every copy read back within seven days, SHA-256 compared"
BROKER_PROOF = "a server was started from it"
MAX_LINES = 50


@dataclass(frozen=True)
class BrokerCopy:
    """A copy of the broker in its place, and how many keys a server found in it."""

    stored: Stored
    keys: int


def begin_broker(run: Run) -> BackupCopy:
    """Add the row of a copy of the broker."""
    dumps.close_interrupted()
    return service.begin(CopyKind.BROKER, "broker", location="", actor=run.actor, run_id=run.id)


def copy_broker(key: str, settings: Settings, run: Run) -> BrokerCopy:
    """Copy, start a server from the copy, put it in place. Raises ArchiveError, StoreError."""
    with workshop(settings) as folder:
        snapshot = folder / "broker.rdb"
        run.progress(0, 3, "Copying")
        broker.snapshot(settings.broker_url, snapshot, run.check_cancelled)
        run.progress(1, 3, "Starting a server from it")
        loaded = broker.prove(snapshot)
        run.log(f"{snapshot.stat().st_size:,} bytes, {loaded.keys:,} keys read by a server started from it")
        run.progress(2, 3, "Putting it in place")
        location = place_of(settings).put_file(key, snapshot)
        stored = Stored(key, location, snapshot.stat().st_size, dumps.sha256_of(snapshot))
    run.progress(3, 3, "Done")
    return BrokerCopy(stored, loaded.keys)


def finish_broker(copy: BackupCopy, made: BrokerCopy) -> None:
    """Count it as done and proven, and forget old ones."""
    copy.location = made.stored.location
    stored = made.stored
    service.finish(copy, size_bytes=stored.size_bytes, sha256=stored.sha256, key=stored.key, keys=made.keys)
    service.mark_proven(copy, BROKER_PROOF)


def prove_broker(stored: Stored, settings: Settings, run: Run) -> None:
    """Fetch a copy and start a server from it. Raises BrokenArchiveError."""
    with workshop(settings) as folder:
        snapshot = folder / "broker.rdb"
        dumps.fetch(stored, place_of(settings), snapshot)
        run.progress(1, 2, "Starting a server from it")
        broker.prove(snapshot)


def expected_hashes(tenants: Iterable[TenantRef], run: Run) -> dict[str, str]:
    """Return the SHA-256 that records name, by key. Uses up the session: call it first."""
    found: dict[str, str] = {}
    for tenant in tenants:
        with use_tenant(tenant, actor=run.actor, request_id=str(run.id)) as session:
            rows = session.execute(select(Attachment.storage_key, Attachment.sha256)).all()
            found |= {row.storage_key: row.sha256 for row in rows}
    return found


def begin_files(store: FileStore, run: Run) -> BackupCopy:
    """Add the row of a copy of the files."""
    dumps.close_interrupted()
    subject = store.url.rstrip("/").rpartition("/")[2] or "files"
    return service.begin(CopyKind.FILES, subject, location="", actor=run.actor, run_id=run.id)


def copy_files(  # what, from where, to where, how, told to whom
    store: FileStore,
    tenants: Iterable[TenantRef],
    expected: dict[str, str],
    settings: Settings,
    run: Run,
    *,
    read_all: bool,
) -> Report:
    """Copy what is new and read back what is due. Raises StoreError."""
    report = uploads.copy_all(
        store,
        place_of(settings),
        [tenant.schema for tenant in tenants],
        expected=expected,
        progress=run.progress,
        read_all=read_all,
    )
    run.log(
        f"{report.objects:,} objects, {report.copied:,} copied ({report.copied_bytes:,} bytes),"
        f" {report.read_back:,} older ones read back"
    )
    for key in report.damaged[:MAX_LINES]:
        run.log(f"The copy of {key} was damaged" + (" and is lost" if key in report.lost else "; made anew"))
    for key in report.altered[:MAX_LINES]:
        run.log(f"{key} has other bytes than its record says: restore it from an older copy")
    return report


def finish_files(copy: BackupCopy, report: Report, settings: Settings) -> None:
    """Count the copy as done, as proven when nothing is lost, and forget what retention allows."""
    place = place_of(settings)
    copy.location = place.where(report.manifest)
    facts: dict[str, Any] = {
        "objects": report.objects,
        "copied": report.copied,
        "read_back": report.read_back,
        "damaged": len(report.damaged),
        "altered": len(report.altered),
    }
    service.finish(copy, size_bytes=report.size_bytes, manifest=report.manifest, **facts)
    if not report.lost:
        service.mark_proven(copy, FILES_PROOF)
    limit = datetime.now(UTC) - timedelta(days=value(KEEP_DAYS))
    uploads.forget_old(place, limit)


def refuse_damage(report: Report) -> None:
    """Raise UnavailableError where files are lost, or are not what their records say."""
    if report.lost:
        text = f"{len(report.lost)} copies are damaged and their originals cannot be read."
        raise UnavailableError("copies", f"Backup broken: {text}", fix="The log names them.")
    if report.altered:
        text = f"{len(report.altered)} uploaded files have other bytes than their records say."
        raise UnavailableError("file store", text, fix="The log names them; restore them from an older copy.")
