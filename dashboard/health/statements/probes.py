"""Reads the counters of pg_stat_statements, and texts only of queries not seen before; never resets them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from psycopg2 import sql
from psycopg2.extensions import connection

from dashboard.health.connection import fetch, probe_connection
from dashboard.health.statements.fingerprints import LONGEST, READ, fingerprint, without_tenant

SQL = Path(__file__).with_name("sql")
STATEMENT_MS = 5_000
WITH_SINCE = 170_000
EXTENSION = """
SELECT n.nspname, current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'
FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""


class Counters(NamedTuple):
    """One entry: one query of one role; times in milliseconds. `since` (epoch) is 0 before PostgreSQL 17."""

    role: str
    queryid: int
    toplevel: bool
    calls: int
    total_ms: float
    max_ms: float
    rows: int
    hits: int
    reads: int
    temp_blocks: int
    wal_bytes: int
    since: float


@dataclass(frozen=True)
class Text:
    """A query as every tenant would send it."""

    fingerprint: str
    text: str
    is_cut: bool


@dataclass(frozen=True)
class State:
    """Since when is counted, how many entries were forgotten, and how many there is room for."""

    taken_at: datetime
    started_at: datetime
    since_at: datetime | None
    forgotten: int
    capacity: int


@dataclass(frozen=True)
class Sight:
    """All entries at one moment, and the texts of queries the caller did not know."""

    state: State
    entries: list[Counters]
    texts: dict[int, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class _Text:
    queryid: int
    text: str
    length: int


@dataclass(frozen=True)
class _Name:
    name: str


def look(url: str, known: Collection[int]) -> Sight | None:
    """Read the entries; None where pg_stat_statements is not in use. Raises ProbeError.

    `known` are the query ids whose text the caller has.
    """
    with probe_connection(url, statement_ms=STATEMENT_MS) as link:
        schema = _find_extension(link)
        if schema is None:
            return None
        names = {"schema": schema}
        state = fetch(link, SQL / "state.sql", State, names=names)[0]
        entries = _entries(link, schema)
        unknown = sorted({entry.queryid for entry in entries} - set(known))
        return Sight(state, entries, _texts(link, schema, unknown) if unknown else {})


def _find_extension(link: connection) -> str | None:
    with link.cursor() as at:
        at.execute(EXTENSION)
        row = at.fetchone()
    # Without the preload the view exists but every read of it fails.
    return row[0] if row and row[1] else None


def _entries(link: connection, schema: str) -> list[Counters]:
    """Read thousands of rows: as tuples, for which a dataclass each would be dear."""
    name = "counters_17.sql" if link.info.server_version >= WITH_SINCE else "counters.sql"
    with link.cursor() as at:
        at.execute(sql.SQL((SQL / name).read_text()).format(schema=sql.Identifier(schema)))
        return [Counters(*row) for row in at.fetchall()]


def _texts(link: connection, schema: str, ids: list[int]) -> dict[int, Text]:
    rows = fetch(link, SQL / "texts.sql", _Text, {"ids": ids, "longest": READ}, {"schema": schema})
    names = {row.name for row in fetch(link, SQL / "tenants.sql", _Name)}
    return {row.queryid: _text(row, names) for row in rows}


def _text(row: _Text, names: Collection[str]) -> Text:
    free = without_tenant(row.text, names)
    return Text(fingerprint(free, row.length), free[:LONGEST], row.length > READ or len(free) > LONGEST)
