"""The statements of maintenance, what has to hold before them and what is left behind. An engine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection

SQL = Path(__file__).with_name("sql")
# What waits for older transactions locks nobody out meanwhile; a table's lock may hold up others behind it.
LOCK_MS = {"analyze": 5_000, "vacuum": 5_000, "reindex": 60_000, "drop_index": 60_000, "create_index": 60_000}
LEFTOVER = re.compile(r"_cc(new|old)\d*$")
CREATE = re.compile(r"^CREATE (UNIQUE )?INDEX ")


class NotDoneError(Exception):
    """It cannot be done; the message is a sentence for people. `is_skipped`: there is nothing to do."""

    def __init__(self, message: str, *, is_skipped: bool = False) -> None:
        super().__init__(message)
        self.is_skipped = is_skipped


@dataclass(frozen=True)
class Thing:
    """One table or index in one schema."""

    schema: str
    table: str = ""
    index: str = ""

    @property
    def name(self) -> str:
        """The index if there is one, else the table."""
        return self.index or self.table

    @property
    def quoted(self) -> sql.Composable:
        """The name for a statement."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class IndexFacts:
    """What PostgreSQL knows of an index."""

    definition: str
    table: str
    is_unique: bool
    is_constraint: bool
    is_replica_identity: bool
    is_valid: bool
    is_partitioned: bool
    scans: int
    reset_at: datetime | None


def find_schemas(link: connection, name: str, *, everywhere: bool, schema: str) -> list[str]:
    """Return the schemas whose table or index of this name is meant: one, or every tenant's that has it."""
    if not everywhere:
        return [schema]
    with link.cursor() as at:
        at.execute((SQL / "schemas_with.sql").read_text(), {"name": name})
        return [row[0] for row in at.fetchall()]


def size_of(link: connection, thing: Thing) -> int | None:
    """Bytes of a table with its TOAST, or of an index; None when it is not there."""
    with link.cursor() as at:
        function = "pg_relation_size" if thing.index else "pg_table_size"
        at.execute(
            sql.SQL("SELECT {}(to_regclass(%s))").format(sql.Identifier(function)), (_literal(link, thing),)
        )
        row = at.fetchone()
        return row[0] if row else None


def _literal(link: connection, thing: Thing) -> str:
    return thing.quoted.as_string(link)


def facts_of(link: connection, thing: Thing) -> IndexFacts | None:
    """Return what is known of an index; None when there is none of this name."""
    with link.cursor() as at:
        at.execute((SQL / "index_facts.sql").read_text(), {"index": _literal(link, thing)})
        row = at.fetchone()
        return IndexFacts(*row) if row else None


def check_droppable(facts: IndexFacts, where: str) -> None:
    """Raise NotDoneError for an index that does more than being read, or that was read."""
    reasons = {
        "it is unique": facts.is_unique,
        "a constraint stands on it": facts.is_constraint,
        "it is the table's replica identity": facts.is_replica_identity,
        "it spans partitions, which cannot be dropped concurrently": facts.is_partitioned,
    }
    if why := [reason for reason, holds in reasons.items() if holds]:
        raise NotDoneError(f"It is not dropped: {' and '.join(why)}.")
    if facts.scans:
        since = f" since {facts.reset_at:%Y-%m-%d}" if facts.reset_at else ""
        raise NotDoneError(f"It is not dropped: {where} has used it {facts.scans:,} times{since}.")


def _concurrently(definition: str) -> str:
    """Return PostgreSQL's own text of an index, as it was kept, so that it locks nobody out."""
    return CREATE.sub(r"CREATE \1INDEX CONCURRENTLY IF NOT EXISTS ", definition, count=1)


def statement(kind: str, thing: Thing, undo: str = "") -> sql.Composable:
    """Return the statement of an action; it runs outside of a transaction."""
    if kind == "create_index":
        return sql.SQL(_concurrently(undo))
    texts = {
        "analyze": "ANALYZE {}",
        "vacuum": "VACUUM {}",
        "reindex": f"REINDEX {'INDEX' if thing.index else 'TABLE'} CONCURRENTLY {{}}",
        "drop_index": "DROP INDEX CONCURRENTLY IF EXISTS {}",
    }
    return sql.SQL(texts[kind]).format(thing.quoted)


def find_leftovers(link: connection, thing: Thing) -> list[Thing]:
    """Return what broken attempts to rebuild indexes of this table left: invalid, and built by nobody."""
    with link.cursor() as at:
        at.execute(
            (SQL / "leftovers.sql").read_text(), {"schema": thing.schema, "name": _literal(link, thing)}
        )
        found = [Thing(schema, table, index) for schema, table, index in at.fetchall()]
    return [left for left in found if LEFTOVER.search(left.index)]


def drop_leftovers(link: connection, thing: Thing) -> list[str]:
    """Drop them; return their names."""
    found = find_leftovers(link, thing)
    for left in found:
        with link.cursor() as at:
            at.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(left.quoted))
    return [left.index for left in found]


def drop_half_made(link: connection, thing: Thing) -> None:
    """Drop the index of this name if a broken CREATE INDEX CONCURRENTLY left it invalid."""
    facts = facts_of(link, thing)
    if facts and not facts.is_valid:
        with link.cursor() as at:
            at.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(thing.quoted))


def progress_text(row: Mapping[str, Any] | None) -> str:
    """Write a row of pg_stat_progress_* in words."""
    if not row:
        return ""
    share = f", {row['done'] / row['total']:.0%}" if row["total"] else ""
    return f"{row['phase']}{share}"
