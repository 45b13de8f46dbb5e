"""What a review needs to know of the fleet: sizes, columns and checks of the largest copy of each table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alembic.script import ScriptDirectory
from psycopg2.extensions import connection

from dashboard.health.connection import fetch, probe_connection
from dashboard.schema_migrations.linting.downgrades import find_missing_downgrades

SQL = Path(__file__).with_name("sql")
READ_MS = 15_000  # a thousand tenants of 25 tables are read in about a second


@dataclass(frozen=True)
class TableFacts:
    """The largest copy of one table: a plan that is harmless there is harmless everywhere."""

    schema: str
    rows: int
    bytes: int
    index_bytes: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)  # type by name, as format_type writes it
    checked_not_null: frozenset[str] = frozenset()  # columns with a valid CHECK (column IS NOT NULL)
    partitioned: int = 0  # schemas in which it is


@dataclass(frozen=True)
class Facts:
    """The fleet as far as a review needs it; empty where nothing could be read."""

    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    index_tables: Mapping[str, str] = field(default_factory=dict)
    # (table, constraint) -> the table a foreign key points to
    references: Mapping[tuple[str, str], str] = field(default_factory=dict)
    schemas: int = 0
    server_version: int = 140000
    without_downgrade: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _TableRow:
    name: str
    schema: str
    rows: int
    bytes: int
    index_bytes: int
    partitioned: int
    schemas: int
    server_version: int


@dataclass(frozen=True)
class _ColumnRow:
    table_name: str
    name: str
    type: str
    is_checked: bool


@dataclass(frozen=True)
class _IndexRow:
    name: str
    table_name: str


@dataclass(frozen=True)
class _ReferenceRow:
    table_name: str
    name: str
    target: str


def read_facts(url: str, scripts: ScriptDirectory | None = None) -> Facts:
    """Read the fleet through the monitor's login (`DATABASE_MONITOR_URL`). Raises ProbeError.

    With the history's scripts it also knows which revisions have no way back.
    """
    missing = find_missing_downgrades(scripts) if scripts else frozenset()
    with probe_connection(url, statement_ms=READ_MS) as link:
        rows = fetch(link, SQL / "tables.sql", _TableRow)
        columns = _columns(link)
        return Facts(
            tables={row.name: _table(row, columns.get(row.name, [])) for row in rows},
            index_tables={row.name: row.table_name for row in fetch(link, SQL / "indexes.sql", _IndexRow)},
            references={
                (row.table_name, row.name): row.target
                for row in fetch(link, SQL / "references.sql", _ReferenceRow)
            },
            schemas=rows[0].schemas if rows else 0,
            server_version=link.server_version,
            without_downgrade=missing,
        )


def _columns(link: connection) -> dict[str, list[_ColumnRow]]:
    found: dict[str, list[_ColumnRow]] = {}
    for row in fetch(link, SQL / "columns.sql", _ColumnRow):
        found.setdefault(row.table_name, []).append(row)
    return found


def _table(row: _TableRow, columns: list[_ColumnRow]) -> TableFacts:
    return TableFacts(
        row.schema,
        row.rows,
        row.bytes,
        row.index_bytes,
        {column.name: column.type for column in columns},
        frozenset(column.name for column in columns if column.is_checked),
        row.partitioned,
    )
