"""Copies what is new in Barman's folder off-site, WAL first, and removes what retention has let go."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dashboard.backups.copies.offsite import repository
from dashboard.backups.copies.offsite.repository import HeldBackup
from dashboard.backups.copies.offsite.store import Manifest, OffsiteStore, Stored
from dashboard.backups.models import DONE, Backup
from dashboard.backups.retention import Policy, forecast
from dashboard.backups.wal import NAME, SEGMENT_BYTES, segment_number

WAL_BATCH = 32  # files after which they count; a copy that is killed begins again with these at most


@dataclass
class WalCopied:
    """What one round did with WAL: files and bytes sent, and the newest segment that counts off-site."""

    files: int = 0
    size: int = 0
    newest: str = ""
    names: set[str] = field(default_factory=set)


def missing(store: OffsiteStore, root: Path) -> list[HeldBackup]:
    """Return the whole backups that are not off-site yet, the oldest first."""
    there = set(store.list_whole())
    return [backup for backup in repository.list_backups(root) if backup.backup_id not in there]


def copy_backup(store: OffsiteStore, root: Path, held: HeldBackup, tick: Callable[[], None]) -> Manifest:
    """Copy a backup; one that was broken off goes on behind its last whole file.

    Raises StoreError for trouble with the store, OSError when the repository cannot be read.
    """
    manifest = store.read_manifest(held.backup_id, whole=False) or Manifest(held.backup_id)
    manifest.kind, manifest.parent_id, manifest.begin_wal = held.kind, held.parent_id, held.begin_wal
    manifest.end_at = held.end_at.isoformat() if held.end_at else ""
    manifest.encryption = held.encryption
    for name in repository.files_of(root, held.backup_id):
        done = manifest.files.get(name)
        if done and done.size == (root / name).stat().st_size:
            continue
        manifest.files[name] = store.send(root / name, name, tick)
        store.write_manifest(manifest, whole=False)
    store.write_manifest(manifest, whole=True)
    return manifest


def copy_wal(store: OffsiteStore, root: Path, tick: Callable[[], None]) -> WalCopied:
    """Copy the WAL that is filed and not off-site yet, and Barman's list of it."""
    done = WalCopied()
    for folder, paths in repository.wal_folders(root):
        known = store.read_wal(folder)
        fresh = [path for path in paths if not _is_there(known, path)]
        for begin in range(0, len(fresh), WAL_BATCH):
            for path in fresh[begin : begin + WAL_BATCH]:
                _send_wal(store, root, path, known, done, tick)
            store.write_wal(folder, known)
        segments = [name for name in known if NAME.match(name)]
        done.newest = max([done.newest, *segments])
        done.names |= known.keys()
    if done.files:
        for name in repository.BESIDE:
            if (root / name).is_file():
                store.send(root / name, name, tick)
    return done


def _is_there(known: dict[str, Stored], path: Path) -> bool:
    try:
        return path.name in known and known[path.name].size == path.stat().st_size
    except FileNotFoundError:
        return True  # retention has just removed it


def _send_wal(
    store: OffsiteStore,
    root: Path,
    path: Path,
    known: dict[str, Stored],
    done: WalCopied,
    tick: Callable[[], None],
) -> None:
    try:
        sent = store.send(path, path.relative_to(root).as_posix(), tick)
    except FileNotFoundError:
        return
    known[path.name] = sent
    done.files += 1
    done.size += sent.size


def outdated(
    store: OffsiteStore, here: Collection[str], policy: Policy, kept: Collection[str], now: datetime
) -> list[Manifest]:
    """Return the backups off-site that retention has let go: out of the window, and gone from here too.

    A repository that was lost or emptied lets nothing go: the window is reckoned over what is off-site.
    """
    whole = store.list_whole()
    if set(whole) <= set(here):
        return []  # as nearly always; reading hundreds of manifests is not free
    manifests = {backup_id: store.read_manifest(backup_id) for backup_id in whole}
    rows = [_as_backup(manifest) for manifest in manifests.values() if manifest]
    going = {
        departure.backup_id
        for departure in forecast(rows, policy, kept)
        if departure.at and departure.at <= now and departure.backup_id not in here
    }
    for row in sorted(rows, key=lambda one: one.backup_id):  # what stands on one that goes, goes with it
        if row.parent_id in going and row.backup_id not in here:
            going.add(row.backup_id)
    return [manifest for backup_id, manifest in sorted(manifests.items()) if manifest and backup_id in going]


def _as_backup(manifest: Manifest) -> Backup:
    return Backup(
        backup_id=manifest.backup_id,
        kind=manifest.kind,
        parent_id=manifest.parent_id or None,
        status=DONE,
        end_at=datetime.fromisoformat(manifest.end_at).astimezone(UTC) if manifest.end_at else None,
        size_bytes=manifest.size,
    )


def remove_backup(store: OffsiteStore, manifest: Manifest) -> None:
    """Delete a backup off-site; it counts no more from the first moment on."""
    store.drop_manifest(manifest.backup_id)
    for name in manifest.files:
        store.remove(name)


def remove_wal(store: OffsiteStore, here: Collection[str], segment_bytes: int = SEGMENT_BYTES) -> int:
    """Delete WAL that no backup off-site needs and that is gone from here; return how many files."""
    begins = [
        segment_number(manifest.begin_wal, segment_bytes)
        for backup_id in store.list_whole()
        if (manifest := store.read_manifest(backup_id)) and manifest.begin_wal
    ]
    if not begins:
        return 0
    removed = 0
    for folder in filter(None, store.list_wal_folders()):
        known = store.read_wal(folder)
        old = [
            name
            for name in known
            if name not in here and segment_number(name[:24], segment_bytes) < min(begins)
        ]
        if old:
            store.write_wal(folder, {name: known[name] for name in known if name not in old})
            for name in old:
                store.remove(f"wals/{folder}/{name}")
            removed += len(old)
    return removed
