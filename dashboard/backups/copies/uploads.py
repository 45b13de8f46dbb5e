"""Copies the uploaded files, object by object and only what is new, reads copies back, and restores them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

from dashboard.backups.copies import manifest
from dashboard.backups.copies.manifest import OBJECTS, Entry
from dashboard.backups.copies.place import CopyPlace
from dashboard.files.store import FileStore, MissingObjectError, StoredObject

CHUNK = 256 * 1024
READ_BACK_EVERY = timedelta(days=7)
Progress = Callable[[int, int, str], None]


@dataclass
class Report:
    """What a copy did. `damaged` copies were made anew; `lost` ones could not: the original is gone too."""

    manifest: str = ""
    objects: int = 0
    size_bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    read_back: int = 0
    damaged: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    """Originals whose bytes are not those their record names."""


@dataclass
class Restored:
    """What a restore did; `broken` copies do not have the bytes that were copied."""

    restored: int = 0
    restored_bytes: int = 0
    present: int = 0
    broken: list[str] = field(default_factory=list)


class _Reader:
    """A stream that remembers the SHA-256 and the size of what was read from it."""

    def __init__(self, source: BinaryIO) -> None:
        self.source = source
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next bytes."""
        chunk = self.source.read(size)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk


def list_objects(store: FileStore, prefixes: Iterable[str]) -> Iterator[StoredObject]:
    """Everything that lies in the store for these tenants' prefixes."""
    for prefix in prefixes:
        for folder in store.folders(prefix):
            yield from store.objects(folder)


def copy_all(
    store: FileStore,
    place: CopyPlace,
    prefixes: Iterable[str],
    *,
    expected: dict[str, str],
    progress: Progress = lambda _done, _total, _text: None,
    now: datetime | None = None,
    read_all: bool = False,
) -> Report:
    """Copy what is new, read back what has not been for a week, and write a manifest.

    `expected` maps keys to the SHA-256 that records name. Raises StoreError when either store fails.
    """
    moment = now or datetime.now(UTC)
    before, report = manifest.latest(place), Report()
    due = moment if read_all else moment - READ_BACK_EVERY
    objects, entries = list(list_objects(store, prefixes)), []
    for number, found in enumerate(objects):
        progress(number, len(objects), found.key)
        entry = before.get(found.key)
        if entry is None or _is_changed(entry, found):
            entry = _copy(store, place, found, moment, report)
        elif datetime.fromisoformat(entry.checked_at) <= due:
            entry = _read_back(store, place, entry, found, moment, report)
        if entry:
            entries.append(entry)
            if expected.get(entry.key, entry.sha256) != entry.sha256:
                report.altered.append(entry.key)
    report.manifest = manifest.write(place, entries, moment)
    report.objects, report.size_bytes = len(entries), sum(entry.size for entry in entries)
    return report


def _is_changed(entry: Entry, found: StoredObject) -> bool:
    return entry.size != found.size or entry.modified != found.modified.isoformat()


def _copy(
    store: FileStore, place: CopyPlace, found: StoredObject, now: datetime, report: Report
) -> Entry | None:
    """Copy one object and read the copy back; None when it was deleted meanwhile."""
    try:
        digest, size = _transfer(store, found.key, place.put_whole, f"{OBJECTS}/{found.key}")
    except MissingObjectError:
        return None
    entry = Entry(found.key, size, found.modified.isoformat(), digest, now.isoformat())
    if sha256_in(place, entry.copy_key) != digest:
        report.damaged.append(found.key)
        return None
    report.copied += 1
    report.copied_bytes += size
    return entry


def _read_back(  # both stores, both views of the object, when, and what to tell
    store: FileStore, place: CopyPlace, entry: Entry, found: StoredObject, now: datetime, report: Report
) -> Entry | None:
    report.read_back += 1
    if sha256_in(place, entry.copy_key) == entry.sha256:
        return replace(entry, checked_at=now.isoformat())
    report.damaged.append(entry.key)
    renewed = _copy(store, place, found, now, report)
    if renewed is None:
        report.lost.append(entry.key)
    return renewed


def _transfer(
    source: FileStore, key: str, write: Callable[[str, BinaryIO], None], target: str
) -> tuple[str, int]:
    with source.open(key) as stream:
        reader = _Reader(stream)
        write(target, cast("BinaryIO", reader))
    return reader.digest.hexdigest(), reader.size


def sha256_in(store: FileStore, key: str) -> str:
    """Return the SHA-256 of an object, '' when there is none."""
    digest = hashlib.sha256()
    try:
        with store.open(key) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    except MissingObjectError:
        return ""
    return digest.hexdigest()


def bring_back(
    place: CopyPlace,
    store: FileStore,
    *,
    key: str = "",
    prefix: str = "",
    compare: bool = False,
    dry_run: bool = False,
) -> Restored:
    """Put back what the store lacks; with `compare` also what it has with other bytes.

    `key` names a manifest (the newest when left out), `prefix` one tenant's objects. Raises StoreError.
    """
    entries = manifest.read(place, key) if key else manifest.latest(place)
    done = Restored()
    for entry in entries.values():
        if not entry.key.startswith(f"{prefix}/" if prefix else ""):
            continue
        if _is_there(store, entry, compare=compare):
            done.present += 1
        elif sha256_in(place, entry.copy_key) != entry.sha256:
            done.broken.append(entry.key)
        else:
            if not dry_run:
                _transfer(place, entry.copy_key, store.put, entry.key)
            done.restored += 1
            done.restored_bytes += entry.size
    return done


def _is_there(store: FileStore, entry: Entry, *, compare: bool) -> bool:
    return sha256_in(store, entry.key) == entry.sha256 if compare else store.exists(entry.key)


def forget_old(place: CopyPlace, before: datetime) -> tuple[int, int]:
    """Remove manifests of before a moment, never the newest, then objects none names; return how many."""
    keys = manifest.list_keys(place)
    mark = f"{manifest.FOLDER}/{before.astimezone(UTC):%Y%m%dT%H%M%S}"
    old = [key for key in keys[:-1] if key < mark]
    if not old:
        return 0, 0
    kept = {key for name in keys if name not in old for key in manifest.read(place, name)}
    gone = {key for name in old for key in manifest.read(place, name)} - kept
    for key in gone:
        place.delete(f"{OBJECTS}/{key}")
    for name in old:
        place.delete(name)
    return len(old), len(gone)
