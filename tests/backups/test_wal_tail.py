"""The end of WAL files, compared with what PostgreSQL says of itself."""

import gzip
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from dashboard.backups.wal import SEGMENT_BYTES, segment_number
from dashboard.backups.wal_tail import PAGE, read_tail
from tests.conftest import Servers


def now_of(servers: Servers, *statements: str) -> tuple[Path, int, int]:
    """Run statements; return the WAL file, its begin and the end of WAL."""
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link:
        link.autocommit = True
        with link.cursor() as at:
            for statement in statements:
                at.execute(statement)
            at.execute("SELECT pg_walfile_name(pg_current_wal_lsn()), pg_current_wal_lsn() - '0/0'::pg_lsn")
            name, position = at.fetchone() or ("", 0)
    start = segment_number(name) * SEGMENT_BYTES
    return servers.postgres.folder / "pg_wal" / name, start, int(position)


INSERT = "INSERT INTO wal_tail SELECT repeat('x', {size}) FROM generate_series(1, {rows})"


@pytest.mark.parametrize(("size", "rows"), [(1, 1), (700, 1), (2_000, 40), (1, 2_000)])
def test_end_is_where_the_server_says_its_wal_ends(servers: Servers, size: int, rows: int) -> None:
    path, start, position = now_of(
        servers,
        "SET synchronous_commit = on",
        "CREATE TABLE IF NOT EXISTS wal_tail (t text)",
        INSERT.format(size=size, rows=rows),
    )
    assert read_tail(path, start, SEGMENT_BYTES).end == position


def test_newest_commit_is_found_with_its_time(servers: Servers) -> None:
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link, link.cursor() as at:
        at.execute("SET synchronous_commit = on; CREATE TABLE IF NOT EXISTS wal_tail (t text)")
        link.commit()
        at.execute("INSERT INTO wal_tail VALUES ('x') RETURNING clock_timestamp()")
        row: tuple[Any, ...] = at.fetchone() or (None,)
        written: datetime = row[0]
        link.commit()
    path, start, _position = now_of(servers)
    found = read_tail(path, start, SEGMENT_BYTES).commit_at
    assert found is not None
    assert 0 <= (found - written).total_seconds() < 1


@pytest.fixture
def received(servers: Servers, tmp_path: Path) -> tuple[Path, int, int]:
    """A file as a receiver has it: what is there so far, then zeros."""
    path, start, position = now_of(
        servers,
        "SET synchronous_commit = on",
        "CREATE TABLE IF NOT EXISTS wal_tail (t text)",
        INSERT.format(size=300, rows=500),
    )
    whole = path.read_bytes()[: position - start]
    copy = tmp_path / f"{path.name}.partial"
    copy.write_bytes(whole.ljust(SEGMENT_BYTES, b"\0"))
    return copy, start, position


def test_padding_is_not_taken_for_wal(received: tuple[Path, int, int]) -> None:
    path, start, position = received
    assert read_tail(path, start, SEGMENT_BYTES).end == position


@pytest.mark.parametrize("cut", [1, 30, 200, 5_000, 20_000])
def test_record_that_arrived_in_part_does_not_count(received: tuple[Path, int, int], cut: int) -> None:
    path, start, position = received
    content = path.read_bytes()[: position - start - cut]
    path.write_bytes(content.ljust(SEGMENT_BYTES, b"\0"))
    end = read_tail(path, start, SEGMENT_BYTES).end
    assert position - cut - PAGE < end <= position - cut + 7


def test_packed_file_is_read_as_well(received: tuple[Path, int, int], tmp_path: Path) -> None:
    path, start, position = received
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    assert read_tail(packed, start, SEGMENT_BYTES).end == position
    packed.write_bytes(packed.read_bytes()[:500])
    with pytest.raises(ValueError, match="cannot be unpacked"):
        read_tail(packed, start, SEGMENT_BYTES)


def test_file_that_holds_nothing_yet_ends_where_it_begins(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(bytes(PAGE))
    assert read_tail(empty, 5 * SEGMENT_BYTES, SEGMENT_BYTES).end == 5 * SEGMENT_BYTES


def test_something_else_is_not_taken_for_wal(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"GPG message" * 9_000)
    with pytest.raises(ValueError, match="does not begin as a WAL file"):
        read_tail(other, 0, SEGMENT_BYTES)
