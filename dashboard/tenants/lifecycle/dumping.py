"""Makes the last dump of a tenant and proves it: counted in its snapshot, read to its end, restored.

No session and no queue: what it is given are addresses, a folder and whom to tell.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor

from dashboard.backups.copies import archives
from dashboard.backups.copies.archives import ArchiveError, BrokenArchiveError, Source
from dashboard.backups.copies.dumps import sha256_of

LOOK_EVERY = 20_000  # lines
TABLES = """
SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind = 'r' ORDER BY 1
"""

# What is being done, and how much of it: 0 to 1.
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Proven:
    """A dump that is what it should be; rows by table."""

    counts: dict[str, int]
    size_bytes: int
    sha256: str
    seconds: float


def dump_and_prove(source: Source, archive: Path, programs: Path, tell: Tell) -> Proven:
    """Write the archive of one schema and prove it. Raises ArchiveError; `tell` may raise to break off."""
    began = time.monotonic()
    counts = _dump(source, archive, programs, tell)
    tell("Counting the rows in the dump", 0.4)
    _compare(counts, rows_in(archive, source.schema, programs, lambda: tell("Counting the rows", 0.5)))
    tell("Restoring it into a server of its own", 0.6)
    found = archives.prove(source, archive, programs, lambda: tell("Restoring it as proof", 0.7))
    if found.tables != len(counts):  # its rows were counted above; a server's statistics may lag behind
        raise BrokenArchiveError(f"The dump brings back {found.tables} tables instead of {len(counts)}.")
    return Proven(counts, archive.stat().st_size, sha256_of(archive), time.monotonic() - began)


def _dump(source: Source, archive: Path, programs: Path, tell: Tell) -> dict[str, int]:
    """Dump and count in one snapshot, so that the two must agree."""
    with snapshot(source.url) as (name, at):
        at.execute(TABLES, (source.schema,))
        sizes = {str(table): int(size) for table, size in at.fetchall()}
        total = sum(sizes.values()) or 1
        at.execute("SELECT 1")

        def tick() -> None:
            size = archive.stat().st_size if archive.exists() else 0
            text = f"Dumping: {size / 1e6:,.1f} MB written of tables with {total / 1e6:,.1f} MB"
            tell(text, 0.3 * min(size / total, 1))

        archives.dump(replace(source, snapshot=name), archive, programs, tick)
        return count(at, source.schema, list(sizes), lambda done: tell("Counting the rows", 0.3 + 0.1 * done))


@contextmanager
def snapshot(url: str) -> Iterator[tuple[str, cursor]]:
    """Hold one state of the database; others may read the same one by its name. Raises ArchiveError."""
    try:
        link = psycopg2.connect(archives.libpq(url), application_name="steward-archive", connect_timeout=10)
    except psycopg2.Error as error:
        raise ArchiveError(f"The database does not answer: {str(error).strip()}") from error
    with closing(link):
        link.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with link.cursor() as at:
            at.execute("SELECT pg_export_snapshot()")
            yield str((at.fetchone() or ("",))[0]), at


def count(at: cursor, schema: str, tables: list[str], done: Callable[[float], None]) -> dict[str, int]:
    """Count the rows of every table. The login must see past row-level security."""
    counts = {}
    for number, table in enumerate(tables):
        done(number / len(tables))
        at.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
        counts[table] = int((at.fetchone() or (0,))[0])
    return counts


def rows_in(archive: Path, schema: str, programs: Path, tick: Callable[[], None]) -> dict[str, int]:
    """Read an archive to its end and count the rows of each table. Raises BrokenArchiveError."""
    command = [
        str(programs / "pg_restore"), "--data-only", "--schema", schema, "--file=-", str(archive),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None  # noqa: S101  # for the type checker: a pipe was asked for
            counts = _count_lines(program.stdout, tick)
            words = program.stderr.read().decode(errors="replace").strip() if program.stderr else ""
        except BaseException:
            program.kill()
            raise
    if program.returncode:
        raise BrokenArchiveError(f"The dump cannot be read to its end: {words[-300:]}")
    return counts


def _count_lines(stream: IO[bytes], tick: Callable[[], None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(stream):
        if number % LOOK_EVERY == 0:
            tick()
        if table:
            if line == b"\\.\n":
                table = ""
            else:
                counts[table] += 1
        elif line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            name = line[5:].partition(b" (")[0].decode()
            table = name.rpartition(".")[2].strip('"')
            counts[table] = 0
    return counts


def _compare(counted: dict[str, int], dumped: dict[str, int]) -> None:
    differing = sorted(
        table for table in counted.keys() | dumped.keys() if counted.get(table) != dumped.get(table)
    )
    if differing:
        told = [f"{name}: {dumped.get(name)} of {counted.get(name)}" for name in differing[:5]]
        raise BrokenArchiveError(f"The dump does not hold every row ({', '.join(told)}).")
