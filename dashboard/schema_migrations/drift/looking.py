"""Reads the fingerprints of a whole fleet as the owner: a few schemas at a time, no long waits."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg2.errors import DeadlockDetected, LockNotAvailable, QueryCanceled
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from dashboard.schema_migrations.drift.definition import Object, fingerprints, hash_of, read_objects
from dashboard.schema_migrations.ledger import Standing

NOTE = text((Path(__file__).with_name("sql") / "note.sql").read_text(encoding="utf-8"))
# A server process keeps what it knows of each table it has seen: so each lot has a connection of its own.
LOT = 50
LIMITS = "SET LOCAL lock_timeout = '300ms'; SET LOCAL statement_timeout = '60s'"
BUSY = (LockNotAvailable, QueryCanceled, DeadlockDetected)

Report = Callable[[int, int], None]


@dataclass
class Look:
    """What came of it: hashes by schema; `busy` were locked for too long, `gone` are in the ledger only."""

    found: dict[str, str] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def look(engine: Engine, rows: Sequence[Standing], report: Report) -> Look:
    """Read what the schemas consist of and note it in the ledger, lot by lot; `report` gets (done, of)."""
    seen = Look()
    for start in range(0, len(rows), LOT):
        lot = rows[start : start + LOT]
        with engine.connect() as connection:
            if not _read(connection, lot, seen):
                seen.busy += [row.schema for row in lot if not _read(connection, [row], seen)]
        report(min(start + LOT, len(rows)), len(rows))
    return seen


def read_definition(engine: Engine, row: Standing) -> list[Object] | None:
    """Return the objects behind a fingerprint; None when the schema is another by now or is locked."""
    try:
        with engine.connect() as connection, _short(connection):
            objects = read_objects(connection, row.schema, role=row.role)
    except DBAPIError as error:
        if not isinstance(error.orig, BUSY):
            raise
        return None
    return objects if hash_of(objects) == row.fingerprint else None


def _read(connection: Connection, lot: Sequence[Standing], seen: Look) -> bool:
    """Read and note in two transactions: what was read is not locked while the ledger is waited for."""
    try:
        with _short(connection):
            found = fingerprints(connection, {row.schema: row.role for row in lot})
        with _short(connection):
            _note(connection, [row for row in lot if row.schema in found], found)
    except DBAPIError as error:
        if not isinstance(error.orig, BUSY):
            raise
        return False
    seen.found |= found
    seen.gone += [row.schema for row in lot if row.schema not in found]
    return True


@contextmanager
def _short(connection: Connection) -> Iterator[None]:
    with connection.begin():
        connection.exec_driver_sql(LIMITS)
        yield


def _note(connection: Connection, rows: Sequence[Standing], found: dict[str, str]) -> None:
    bound = {
        "schemas": [row.schema for row in rows],
        "moved": [row.moved for row in rows],
        "hashes": [found[row.schema] for row in rows],
    }
    connection.execute(NOTE, bound)
