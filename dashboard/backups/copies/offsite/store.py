"""The off-site store: objects that mirror Barman's folder, and manifests that say which of them count.

An object counts only when a manifest names it, and a manifest is written after its objects: whatever a
killed copy leaves behind is nothing. Below the address: `<server>/…` as in Barman's own folder, so that
it can be copied back without Steward, and `<server>.manifests/…`.
"""

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dashboard.backups.copies.place import CopyPlace
from dashboard.core.config import Settings
from dashboard.files.store import MissingObjectError, StoreError

CHUNK = 1 << 20
SUFFIX, JOURNAL = ".json.gz", ".begun.json.gz"


@dataclass(frozen=True)
class Stored:
    """One object: size in bytes and SHA-256 of what was read from the disk."""

    size: int
    sha256: str


@dataclass
class Manifest:
    """A base backup off-site: what it is, and its files by their path below the server folder."""

    backup_id: str
    kind: str = "full"
    parent_id: str = ""
    end_at: str = ""
    begin_wal: str = ""
    encryption: str = ""
    files: dict[str, Stored] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """All its files together, in bytes."""
        return sum(stored.size for stored in self.files.values())


class Differs(Exception):  # noqa: N818  # it reads as what happened
    """An object is not what its manifest says: one of a backup, or of a folder of WAL."""

    def __init__(
        self, reason: str, *, backup_id: str = "", folder: str | None = None, name: str = ""
    ) -> None:
        super().__init__(reason)
        self.backup_id = backup_id
        self.folder = folder
        self.name = name


class OffsiteStore(CopyPlace):
    """Where the second copy lies; its errors name its own settings."""

    def __init__(self, url: str, options: Mapping[str, Any], server: str) -> None:
        super().__init__(url, options)
        self.server = server

    def send(self, path: Path, name: str, tick: Callable[[], None]) -> Stored:
        """Copy a file to `<server>/<name>` and return its size and hash. Raises StoreError, OSError."""
        with path.open("rb") as stream:
            reading = _Reading(stream, tick)
            try:
                self._put(f"{self.server}/{name}", reading)
            except StoreError as error:
                if reading.failure:  # our own disk, not the store
                    raise reading.failure from error
                raise
        if self._size(f"{self.server}/{name}") != reading.size:
            raise StoreError("off-site store", f"The off-site store kept only a part of {name}.")
        return Stored(reading.size, reading.hash.hexdigest())

    def bring(self, name: str, stored: Stored | None, path: Path, tick: Callable[[], None]) -> None:
        """Copy `<server>/<name>` to a file. Raises Differs when it is not what its manifest says."""
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        try:
            with self.open(f"{self.server}/{name}") as source, path.open("wb") as sink:
                while chunk := source.read(CHUNK):
                    tick()
                    digest.update(chunk)
                    size += len(chunk)
                    sink.write(chunk)
        except MissingObjectError as error:
            raise Differs(f"{name} is missing") from error
        if stored and Stored(size, digest.hexdigest()) != stored:
            raise Differs(f"{name} differs from what was copied")

    def write_manifest(self, manifest: Manifest, *, whole: bool) -> None:
        """Say which files of a backup are there; only a `whole` one makes the backup count."""
        self._write(self._manifest_key(manifest.backup_id, SUFFIX if whole else JOURNAL), asdict(manifest))
        if whole:
            self.delete(self._manifest_key(manifest.backup_id, JOURNAL))

    def read_manifest(self, backup_id: str, *, whole: bool = True) -> Manifest | None:
        """Return the manifest of a backup, or with `whole=False` how far a broken-off copy came."""
        read = self._read(self._manifest_key(backup_id, SUFFIX if whole else JOURNAL))
        if read is None:
            return None
        files = {name: Stored(**stored) for name, stored in read.pop("files").items()}
        return Manifest(**read, files=files)

    def drop_manifest(self, backup_id: str) -> None:
        """Let a backup count no more; its objects may then be removed, or copied again."""
        for suffix in (SUFFIX, JOURNAL):
            self.delete(self._manifest_key(backup_id, suffix))

    def list_whole(self) -> list[str]:
        """Return the ids of the backups that count, the oldest first."""
        names = [found.key.rpartition("/")[2] for found in self.objects(f"{self.server}.manifests/base")]
        return sorted(
            name.removesuffix(SUFFIX)
            for name in names
            if name.endswith(SUFFIX) and not name.endswith((JOURNAL, ".part"))
        )

    def read_wal(self, folder: str) -> dict[str, Stored]:
        """Return the WAL files that count in one folder."""
        read = self._read(self._wal_key(folder)) or {}
        return {name: Stored(**stored) for name, stored in read.items()}

    def write_wal(self, folder: str, files: Mapping[str, Stored]) -> None:
        """Say which WAL files of a folder are there."""
        self._write(self._wal_key(folder), {name: asdict(stored) for name, stored in files.items()})

    def list_wal_folders(self) -> list[str]:
        """Return the folders that hold WAL; the one of the history files has no name."""
        names = [found.key.rpartition("/")[2] for found in self.objects(f"{self.server}.manifests/wals")]
        folders = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
        return sorted("" if folder == "history" else folder for folder in folders)

    def remove(self, name: str) -> None:
        """Delete an object."""
        self.delete(f"{self.server}/{name}")

    def _manifest_key(self, backup_id: str, suffix: str) -> str:
        return f"{self.server}.manifests/base/{backup_id}{suffix}"

    def _wal_key(self, folder: str) -> str:
        return f"{self.server}.manifests/wals/{folder or 'history'}{SUFFIX}"

    def _write(self, key: str, values: Mapping[str, Any]) -> None:
        self._put(key, io.BytesIO(gzip.compress(json.dumps(values).encode())))

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            with self.open(key) as stream:
                read: dict[str, Any] = json.loads(gzip.decompress(stream.read()))
                return read
        except MissingObjectError:
            return None

    def _put(self, key: str, stream: Any) -> None:
        # An upload to a bucket appears when it is complete; a file on disk needs the rename.
        (self.put_whole if self.is_local else self.put)(key, stream)

    def _size(self, key: str) -> int:
        with self._explained("look"):
            return int(self._fs.info(self._path(key))["size"])

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            with super()._explained(doing):
                yield
        except (StoreError, GeneratorExit) as error:
            if not isinstance(error, StoreError):
                raise
            message = error.message.replace("store of copies", "off-site store")
            raise type(error)(
                "off-site store", message, fix=error.fix.replace("STEWARD_COPIES", "STEWARD_OFFSITE")
            ) from error


class _Reading:
    """A stream that is measured while it is read."""

    def __init__(self, stream: Any, tick: Callable[[], None]) -> None:
        self.stream = stream
        self.tick = tick
        self.hash = hashlib.sha256()
        self.size = 0
        self.failure: OSError | None = None

    def read(self, count: int = -1) -> bytes:
        """Read on."""
        self.tick()
        try:
            chunk: bytes = self.stream.read(count)
        except OSError as error:
            self.failure = error
            raise
        self.hash.update(chunk)
        self.size += len(chunk)
        return chunk


def store_of(settings: Settings) -> OffsiteStore | None:
    """Return the off-site store; None without one, and for a managed service, which keeps its own copies."""
    if not settings.offsite_url or settings.backup_provider != "barman":
        return None
    return OffsiteStore(settings.offsite_url, settings.offsite_options, settings.barman_server)
