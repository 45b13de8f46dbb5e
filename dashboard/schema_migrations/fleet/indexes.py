"""Makes CREATE and DROP INDEX CONCURRENTLY safe to repeat: what is half made is replaced, never kept."""

import re
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import errors
from psycopg2.extensions import cursor

from dashboard.schema_migrations.fleet.locking import quoted

NAME = r'("(?:[^"]|"")+"|[a-zA-Z_][\w$]*)'
CREATE = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?{NAME}\s+ON\s+(?:ONLY\s+)?{NAME}",
    re.IGNORECASE,
)
DROP = re.compile(rf"DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?{NAME}\s*$", re.IGNORECASE)
QUIET = re.compile(r"\bIF\s+(?:NOT\s+)?EXISTS\b", re.IGNORECASE)
FOUND = (Path(__file__).parent / "sql" / "index.sql").read_text()
# The same index on an empty copy tells how PostgreSQL itself writes the definition down.
TRIAL = "fleet_index_trial"


class IndexTakenError(Exception):
    """Another index has the name."""


@dataclass(frozen=True)
class IndexStatement:
    """A statement about one index outside of a transaction."""

    name: str
    table: str | None

    @property
    def creates(self) -> bool:
        """Whether it makes the index."""
        return self.table is not None


@dataclass(frozen=True)
class Found:
    """An index as it is in a schema."""

    is_valid: bool
    definition: str


def parse(statement: str) -> IndexStatement | None:
    """Return what a statement does to an index, None when it is about something else."""
    if match := CREATE.match(statement.strip()):
        return IndexStatement(_plain(match[1]), _plain(match[2]))
    if match := DROP.match(statement.strip()):
        return IndexStatement(_plain(match[1]), None)
    return None


def apply(at: cursor, schema: str, statement: str) -> None:
    """Do a statement outside of a transaction, with the session's limits and path; again after a broken try.

    Raises IndexTakenError when another index has the name.
    """
    try:
        if not QUIET.search(statement):  # such a one would pass over what a broken try left
            at.execute(statement)
            return
    except (errors.DuplicateTable, errors.UndefinedObject):
        if parse(statement) is None:
            raise
    if not is_done(at, schema, statement):
        at.execute(statement)


def is_done(at: cursor, schema: str, statement: str) -> bool:
    """Clear away what a broken try left of an index; True when nothing is left to do."""
    wanted = parse(statement)
    if wanted is None:
        return False
    found = find(at, schema, wanted.name)
    if not wanted.creates:
        return found is None
    if found is None:
        return False
    if not found.is_valid:
        drop(at, schema, wanted.name)
        return False
    if _normal(found.definition, schema) != _expected(at, schema, wanted, statement):
        raise IndexTakenError(f"another index is called {wanted.name}: {found.definition}")
    return True


def find(at: cursor, schema: str, name: str) -> Found | None:
    """Return an index of a schema by its name."""
    at.execute(FOUND, {"index": f"{quoted(schema)}.{quoted(name)}"})
    row = at.fetchone()
    return Found(bool(row[0]), str(row[1])) if row else None


def drop(at: cursor, schema: str, name: str) -> None:
    """Drop an index while others work on its table."""
    at.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(schema)}.{quoted(name)}")


def _expected(at: cursor, schema: str, wanted: IndexStatement, statement: str) -> str:
    """Make the index on an empty copy of its table, in a transaction that is undone."""
    trial, table = quoted(TRIAL), quoted(wanted.table or "")
    plainly = re.sub(r"\bCONCURRENTLY\b", "", statement, count=1, flags=re.IGNORECASE)
    at.execute(
        f"BEGIN; CREATE SCHEMA {trial}; CREATE TABLE {trial}.{table} (LIKE {quoted(schema)}.{table});"
        f" SET LOCAL search_path TO {trial}, {quoted(schema)}, public"
    )
    try:
        at.execute(plainly)
        found = find(at, TRIAL, wanted.name)
    finally:
        at.execute("ROLLBACK")
    return _normal(found.definition, TRIAL) if found else ""


def _normal(definition: str, schema: str) -> str:
    """Return a definition without the name of its schema."""
    return re.sub(rf'\bON (ONLY )?("?){re.escape(schema)}\2\.', "ON ", definition)


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
