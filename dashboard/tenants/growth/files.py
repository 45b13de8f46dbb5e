"""The file of a partition: compressed CSV with a manifest beside it, written and read back."""

import gzip
import hashlib
import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from psycopg2.extensions import cursor

from dashboard.backups.copies.place import CopyPlace
from dashboard.tenants.growth.tables import quoted

CHUNK = 1024 * 1024
LEVEL = 6


@dataclass(frozen=True)
class Manifest:
    """What a file holds; `row_hash` is over the rows as the server writes them, `sha256` over the file."""

    tenant: str
    schema: str
    table: str
    part: str
    lower_id: int | None
    upper_id: int
    columns: list[str]
    rows: int
    first_at: str | None
    last_at: str | None
    row_hash: str
    bytes: int
    sha256: str
    server: str
    revision: str
    archived_at: str
    actor: str


def key_of(schema: str, part: str, stamp: str) -> str:
    """Where a partition's file lies."""
    return f"history/{schema}/{part}-{stamp}.csv.gz"


def write(at: cursor, table: str, columns: list[str], path: Path) -> None:
    """Write the rows of a table (quoted) by their ids."""
    listed = ", ".join(quoted(column) for column in columns)
    query = f"COPY (SELECT {listed} FROM {table} ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)"  # noqa: S608
    with gzip.open(path, "wb", compresslevel=LEVEL) as stream:
        at.copy_expert(query, stream, size=CHUNK)


def load(at: cursor, table: str, columns: list[str], stream: BinaryIO) -> None:
    """Fill a table (quoted) from a file."""
    listed = ", ".join(quoted(column) for column in columns)
    with gzip.open(stream, "rb") as text:
        at.copy_expert(f"COPY {table} ({listed}) FROM STDIN WITH (FORMAT csv, HEADER)", text, size=CHUNK)


def sha256_of(stream: BinaryIO) -> str:
    """The hash of all that can be read."""
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def put(place: CopyPlace, key: str, path: Path, manifest: Manifest) -> None:
    """Store file and manifest; the manifest last, so that one with it is whole."""
    place.put_file(key, path)
    text = json.dumps(asdict(manifest), indent=2).encode()
    place.put_whole(manifest_key(key), BytesIO(text))


def read_manifest(place: CopyPlace, key: str) -> Manifest:
    """Read the manifest of a file. Raises StoreError."""
    with place.open(manifest_key(key)) as stream:
        found: dict[str, Any] = json.load(stream)
    return Manifest(**found)


def manifest_key(key: str) -> str:
    """Where the manifest of a file lies."""
    return key.removesuffix(".csv.gz") + ".json"
