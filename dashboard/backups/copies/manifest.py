"""Owns the list of what a copy of the uploaded files holds: keys, sizes, SHA-256, when each was read back."""

import gzip
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from dashboard.backups.copies.place import CopyPlace

FOLDER, OBJECTS = "files/manifests", "files/objects"
SUFFIX = ".json.gz"


@dataclass(frozen=True)
class Entry:
    """One object. `modified` and `checked_at` are ISO times; the latter when the copy was last read back."""

    key: str
    size: int
    modified: str
    sha256: str
    checked_at: str

    @property
    def copy_key(self) -> str:
        """Where the copy lies."""
        return f"{OBJECTS}/{self.key}"


def write(place: CopyPlace, entries: Iterable[Entry], now: datetime) -> str:
    """Store a manifest whole and return its key."""
    key = f"{FOLDER}/{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}{SUFFIX}"
    data = json.dumps([asdict(entry) for entry in entries]).encode()
    place.put_whole(key, io.BytesIO(gzip.compress(data)))
    return key


def read(place: CopyPlace, key: str) -> dict[str, Entry]:
    """Return the entries of a manifest by key."""
    with place.open(key) as stream:
        rows = json.loads(gzip.decompress(stream.read()))
    return {row["key"]: Entry(**row) for row in rows}


def list_keys(place: CopyPlace) -> list[str]:
    """Return the keys of all manifests, the oldest first."""
    return sorted(found.key for found in place.objects(FOLDER) if found.key.endswith(SUFFIX))


def latest(place: CopyPlace) -> dict[str, Entry]:
    """Return the newest manifest's entries; none before the first copy."""
    keys = list_keys(place)
    return read(place, keys[-1]) if keys else {}
