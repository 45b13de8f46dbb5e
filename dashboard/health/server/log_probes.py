"""Reads what the server wrote to its log since the last time; no Flask, no session."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from psycopg2.extensions import connection

from dashboard.core.addresses import nodes_of
from dashboard.health.connection import ProbeError, fetch, fetch_one, probe_connection
from dashboard.health.server.log_parsing import Message, read_messages
from dashboard.health.server.probes import Identity, identity_on

SQL = Path(__file__).with_name("sql")
MOST_BYTES = 2 * 2**20  # of one reading: after a flood the rest is skipped, and the page says so
FIRST_BYTES = 256 * 2**10
HERE = {"", "localhost", "127.0.0.1", "::1"}
GRANTS = (
    "GRANT pg_read_server_files TO {role};",
    "GRANT EXECUTE ON FUNCTION pg_stat_file(text) TO {role};",
    "GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint) TO {role};",
)


@dataclass(frozen=True)
class Place:
    """Where the log is and how far it was read; `inode` tells a new file of the same name."""

    server: str
    path: str
    inode: int
    offset: int


@dataclass(frozen=True)
class LogReading:
    """Messages since the last reading; `trouble` says why there are none, `grants` what would help."""

    place: Place | None
    messages: list[Message]
    skipped_bytes: int = 0
    trouble: str = ""
    grants: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    path: str
    size: int


@dataclass(frozen=True)
class _Piece:
    content: memoryview


def read_log(url: str, before: Mapping[str, Any] | None) -> LogReading:
    """Read on where `before` (a stored place) ended. Raises ProbeError when the server is away."""
    with probe_connection(url, statement_ms=5_000) as link:
        identity = identity_on(link)
        file = beside_data(identity) if is_here(url) else None
        if file:
            return _read_file(file, identity, before)
        if not identity.collects_log:
            text = "The log goes to the server's standard error, and that file is not on this machine."
            return LogReading(None, [], trouble=f"{text} With logging_collector on it can be read by SQL.")
    return _read_by_sql(url, identity, before)


def is_here(url: str) -> bool:
    """Whether every server that an address names is on this machine; it may name a whole cluster."""
    return all(node.rpartition(":")[0] in HERE or node.startswith("/") for node in nodes_of(url))


def beside_data(identity: Identity) -> Path | None:
    """Return the log of a server of the embedded stack: it lies beside the data folder, under its name."""
    if not identity.data_directory:
        return None
    folder = Path(identity.data_directory)
    file = folder.with_name(f"{folder.name}.log")
    return file if os.access(file, os.R_OK) else None


def _read_file(file: Path, identity: Identity, before: Mapping[str, Any] | None) -> LogReading:
    try:
        with file.open("rb") as log:
            facts = os.fstat(log.fileno())
            begin = _begin(str(file), facts.st_ino, facts.st_size, before)
            offset, skipped = _limited(begin, facts.st_size)
            log.seek(offset)
            content = log.read(MOST_BYTES)
    except OSError as error:
        raise ProbeError(f"{file}: {error.strerror}") from error
    place = Place(identity.name, str(file), facts.st_ino, offset)
    return _reading(content, place, identity, skipped)


def _begin(path: str, inode: int, size: int, before: Mapping[str, Any] | None) -> int:
    """Where to read on: where one ended, unless it is another file or was emptied."""
    if before and before["path"] == path and before["inode"] == inode and before["offset"] <= size:
        return int(before["offset"])
    return 0 if before and before["path"] == path else max(0, size - FIRST_BYTES)


def _limited(begin: int, size: int) -> tuple[int, int]:
    offset = max(begin, size - MOST_BYTES)
    return offset, offset - begin


def _reading(content: bytes, place: Place, identity: Identity, skipped: int) -> LogReading:
    whole = content.rfind(b"\n") + 1  # the last line may still be written
    lines = content[:whole].decode(errors="replace").splitlines()
    now = datetime.now(UTC)
    messages = read_messages(lines, identity.log_line_prefix, identity.log_timezone, now)
    read_to = Place(place.server, place.path, place.inode, place.offset + whole)
    return LogReading(read_to, messages, skipped)


def _read_by_sql(url: str, identity: Identity, before: Mapping[str, Any] | None) -> LogReading:
    try:
        with probe_connection(url, statement_ms=5_000) as link:
            return _read_collected(link, identity, before)
    except ProbeError as error:
        if "permission denied" not in str(error) and "must be superuser" not in str(error):
            raise
        role = urlsplit(url).username or "steward_monitor"
        text = f"{role} may not read the log: {error}."
        return LogReading(None, [], trouble=text, grants=[line.format(role=role) for line in GRANTS])


def _read_collected(link: connection, identity: Identity, before: Mapping[str, Any] | None) -> LogReading:
    file = fetch_one(link, SQL / "current_log.sql", _File)
    if file is None:
        return LogReading(None, [], trouble="The server names no current log file (log_destination).")
    if not file.path.endswith(".log"):
        return LogReading(None, [], trouble=f"{file.path} is not in the format stderr (log_destination).")
    offset, skipped = _limited(_begin(file.path, 0, file.size, before), file.size)
    bound = {"path": file.path, "offset": offset, "length": MOST_BYTES}
    piece = fetch(link, SQL / "log_piece.sql", _Piece, bound)[0]
    return _reading(bytes(piece.content), Place(identity.name, file.path, 0, offset), identity, skipped)
