"""Reads what a tenant's growing tables look like in the catalog. Takes a cursor of the owner."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor

from dashboard.tenants.growth.blocks import Part

SQL = Path(__file__).with_name("sql")
HISTORY, MOVES = "row_history", "stock_move"
TABLES = (HISTORY, MOVES)
PLAIN, PARTITIONED = "r", "p"


@dataclass(frozen=True)
class Growing:
    """A table that grows without end; `rows` as the statistics say."""

    schema: str
    name: str
    is_partitioned: bool
    rows: int


@dataclass(frozen=True)
class Held:
    """A partition with its size."""

    part: Part
    rows: int
    bytes: int


@dataclass(frozen=True)
class Shape:
    """What a table consists of; pairs of name and definition."""

    kind: str
    has_policies: bool
    indexes: list[tuple[str, str]]
    keys: list[tuple[str, str]]
    triggers: list[tuple[str, str]]
    rights: list[tuple[str, str]]
    always: list[str] | None
    sequence: tuple[str, int]
    obstacles: list[str]


def quoted(*names: str) -> str:
    """Quote a name, with its schema or without."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def read_shape(at: cursor, schema: str, table: str) -> Shape:
    """Return what a table consists of now."""
    row = _rows(at, "shape", table=quoted(schema, table))[0]
    pairs = {name: [tuple(pair) for pair in row[name]] for name in ("indexes", "keys", "triggers", "rights")}
    return Shape(**{**row, **pairs, "sequence": tuple(row["sequence"])})


def read_parts(at: cursor, schema: str, table: str) -> list[Held]:
    """Return the partitions of a table in the order of their ids; none where it is not partitioned."""
    rows = _rows(at, "parts", table=quoted(schema, table))
    return [Held(Part(row["name"], row["lower"], row["upper"]), row["rows"], row["bytes"]) for row in rows]


def last_id(at: cursor, schema: str, table: str) -> int:
    """Return where the sequence of a table's ids stands."""
    at.execute("SELECT pg_get_serial_sequence(%s, 'id')", (quoted(schema, table),))
    sequence = (at.fetchone() or ("",))[0]
    at.execute(f"SELECT last_value FROM {sequence}")  # noqa: S608  # a name of the catalog, quoted by it
    return int((at.fetchone() or (0,))[0])


def estimate(at: cursor, schema: str, table: str) -> int:
    """Return about how many rows a table has, by the statistics; those of its partitions together."""
    at.execute(
        "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)"
        " AND relkind = 'r' OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%s))",
        (quoted(schema, table),) * 2,
    )
    return int((at.fetchone() or (0,))[0])


def list_growing(at: cursor) -> list[Growing]:
    """Return the growing tables of all tenants that have a schema."""
    return [Growing(**row) for row in _rows(at, "large", tables=list(TABLES))]


def _rows(at: cursor, name: str, **binds: Any) -> list[dict[str, Any]]:
    at.execute((SQL / f"{name}.sql").read_text(), binds)
    names = [column.name for column in at.description or ()]
    return [dict(zip(names, row, strict=True)) for row in at.fetchall()]
