"""Owns the comparison of store and rows: orphans are removed, missing objects are reported."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dashboard.files.models import Attachment
from dashboard.files.store import FileStore, StoredObject

BESIDE = """
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname ~ '__(then|aside)_[0-9]+$'
    AND starts_with(CAST(:schema AS text), regexp_replace(nspname, '__(then|aside)_[0-9]+$', '')))
"""
SPARED = timedelta(hours=24)
"""An object this young may belong to a transaction that is still open."""


@dataclass
class Report:
    """What a clean-up found in one tenant; `missing` holds the rows whose bytes are gone."""

    objects: int = 0
    removed: int = 0
    removed_bytes: int = 0
    missing: list[tuple[int, str]] = field(default_factory=list)


def clean(session: Session, store: FileStore, prefix: str, *, now: datetime | None = None) -> Report:
    """Go through a tenant's part of the store, one of its (up to 256) folders at a time."""
    report = Report()
    limit = (now or datetime.now(UTC)) - SPARED
    for folder in sorted(set(store.folders(prefix)) | set(_folders_of_rows(session, prefix))):
        _clean_folder(session, store, folder, limit, report)
    return report


def stands_beside(session: Session, schema: str) -> bool:
    """Whether another state of the tenant stands beside it (time machine): its files are no orphans."""
    return bool(session.scalar(text(BESIDE), {"schema": schema}))


def _folders_of_rows(session: Session, prefix: str) -> Iterator[str]:
    folder = func.substr(Attachment.storage_key, 1, len(prefix) + 3)
    yield from session.scalars(select(folder).distinct())


def _clean_folder(session: Session, store: FileStore, folder: str, limit: datetime, report: Report) -> None:
    found = {stored.key: stored for stored in store.objects(folder)}
    rows = _rows(session, folder)
    report.objects += len(found)
    report.missing += [(row_id, name) for key, (row_id, name) in rows.items() if key not in found]
    for stored in found.values():
        if stored.key not in rows and stored.modified < limit:
            _remove(store, stored, report)


def _rows(session: Session, folder: str) -> dict[str, tuple[int, str]]:
    query = select(Attachment.storage_key, Attachment.id, Attachment.file_name)
    rows = session.execute(query.where(Attachment.storage_key.startswith(f"{folder}/", autoescape=True)))
    return {key: (row_id, name) for key, row_id, name in rows}


def _remove(store: FileStore, stored: StoredObject, report: Report) -> None:
    store.delete(stored.key)
    report.removed += 1
    report.removed_bytes += stored.size
