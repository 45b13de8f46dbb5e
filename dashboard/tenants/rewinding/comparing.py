"""Computes what changed between a tenant's live schema and its old state, one statement per table.

Names come from the catalog and are quoted; prices under seal are never read.
"""
# ruff: noqa: S608

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from psycopg2 import errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from dashboard.tenancy.scope import quote
from dashboard.tenants.rewinding.loading import transaction

TABLE_SECONDS = 30
SAMPLE_SECONDS = 8
PAGE_SIZE = 25
# Rows Steward writes by itself with every change: compared as well, but nothing to bring back.
JOURNALS = ("row_history", "history_archive", "change_set", "alembic_version")
Kind = Literal["changed", "gone", "added"]
SEALED = "sealed prices: never read, they come back with the whole schema"
CANCELLED = "57014"  # query_canceled, PostgreSQL appendix A
KINDS: tuple[Kind, ...] = ("changed", "gone", "added")

SHAPES = """
SELECT l.relname AS name,
    has_table_privilege(l.oid, 'SELECT') AND has_table_privilege(t.oid, 'SELECT') AS may_read,
    (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
        JOIN pg_attribute b ON b.attrelid = t.oid AND b.attname = a.attname AND NOT b.attisdropped
        WHERE a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = l.oid AND a.atttypid = 'bytea'::regtype AND NOT a.attisdropped) AS binary,
    (SELECT array_agg(a.attname::text ORDER BY k.place) FROM pg_index i
        CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(num, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
        WHERE i.indrelid = l.oid AND i.indisprimary) AS keys,
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = l.oid AND tgname = 'record_row_change') AS is_recorded,
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = l.oid AND tgname = 'refuse_change') AS is_append_only
FROM pg_class l JOIN pg_class t ON t.relname = l.relname
WHERE l.relnamespace = CAST(:live AS regnamespace) AND t.relnamespace = CAST(:then AS regnamespace)
    AND l.relkind IN ('r', 'p') AND NOT l.relispartition
    AND t.relkind IN ('r', 'p') AND NOT t.relispartition
    AND (CAST(:only AS text) IS NULL OR l.relname = :only)
ORDER BY 1
"""


@dataclass(frozen=True)
class Shape:
    """One table that both states have."""

    name: str
    may_read: bool
    columns: tuple[str, ...]
    binary: tuple[str, ...]
    keys: tuple[str, ...]
    is_recorded: bool = False
    is_append_only: bool = False

    @property
    def obstacle(self) -> str:
        """Why single rows of it cannot be brought back; '' when they can."""
        if not self.may_read:
            return SEALED
        if self.is_append_only:
            return "append-only: its rows are never changed nor removed, they come back with the whole schema"
        if self.keys != ("id",) or not self.is_recorded:
            return "kept by the database itself: it follows from other tables"
        return ""


@dataclass(frozen=True)
class Difference:
    """What changed in one table since then, in rows; `problem` says why it could not be counted.

    `obstacle` says why single rows cannot be brought back.
    """

    table: str
    added: int = 0
    changed: int = 0
    gone: int = 0
    rows_live: int = 0
    rows_then: int = 0
    problem: str = ""
    obstacle: str = ""

    @property
    def count(self) -> int:
        """How many rows differ."""
        return self.added + self.changed + self.gone


@dataclass(frozen=True)
class RowPair:
    """One row as it is and as it was, column by column; None where there is no such row."""

    key: str
    kind: Kind
    live: dict[str, Any] | None
    then: dict[str, Any] | None

    @property
    def columns(self) -> list[str]:
        """The columns that differ, or all that hold something where one side lacks the row."""
        live, then = self.live or {}, self.then or {}
        if self.kind == "changed":
            return [name for name in live if live[name] != then.get(name)]
        return [name for name, value in (live or then).items() if value is not None]


def compare(engine: Engine, live: str, then: str) -> Iterator[tuple[int, int, Difference]]:
    """Compare table by table: done, total, difference. Each in a transaction of its own, time-limited."""
    with transaction(engine) as connection:
        shapes = list_shapes(connection, live, then)
    for number, shape in enumerate(shapes, 1):
        yield number, len(shapes), _compare_one(engine, live, then, shape)


def list_shapes(connection: Connection, live: str, then: str, only: str | None = None) -> list[Shape]:
    """The tables that both schemas have, by name."""
    rows = connection.execute(text(SHAPES), {"live": live, "then": then, "only": only}).mappings()
    return [
        Shape(
            row["name"],
            row["may_read"],
            tuple(row["columns"] or ()),
            tuple(row["binary"] or ()),
            tuple(row["keys"] or ()),
            is_recorded=row["is_recorded"],
            is_append_only=row["is_append_only"],
        )
        for row in rows
    ]


def _compare_one(engine: Engine, live: str, then: str, shape: Shape) -> Difference:
    if not shape.may_read:
        return Difference(shape.name, problem=SEALED)
    if not shape.keys:
        return Difference(shape.name, problem="it has no primary key to compare by")
    try:
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout TO '{TABLE_SECONDS}s'")
            row = connection.execute(text(_counts(connection, live, then, shape))).one()
    except DBAPIError as error:
        if isinstance(error.orig, errors.QueryCanceled):
            return Difference(shape.name, problem=f"not compared within {TABLE_SECONDS} s")
        raise
    return replace(Difference(shape.name, *row), obstacle=shape.obstacle)


def _counts(connection: Connection, live: str, then: str, shape: Shape) -> str:
    key = quote(connection, shape.keys[0])
    return (
        f"SELECT count(*) FILTER (WHERE t.{key} IS NULL),"
        f" count(*) FILTER (WHERE {_differ(connection, shape)}),"
        f" count(*) FILTER (WHERE l.{key} IS NULL), count(l.{key}), count(t.{key})"
        f" {_joined(connection, live, then, shape)}"
    )


def _joined(connection: Connection, live: str, then: str, shape: Shape) -> str:
    columns = ", ".join(quote(connection, name) for name in shape.columns)
    table = quote(connection, shape.name)
    keys = [quote(connection, name) for name in shape.keys]
    on = " AND ".join(f"l.{key} = t.{key}" for key in keys)
    sides = [f"(SELECT {columns} FROM {quote(connection, schema)}.{table})" for schema in (live, then)]
    return f"FROM {sides[0]} AS l FULL JOIN {sides[1]} AS t ON {on}"


def _differ(connection: Connection, shape: Shape) -> str:
    """Both rows are there and not the same, bit by bit: also types without an equality of their own."""
    key = quote(connection, shape.keys[0])
    return f"l.{key} IS NOT NULL AND t.{key} IS NOT NULL AND l *<> t"


def sample(
    connection: Connection, live: str, then: str, shape: Shape, kind: Kind, after: str | None = None
) -> list[RowPair]:
    """Rows that differ in one way, by key, one more than a page when there are more.

    `after` is the last key seen; only tables with one key column can be paged. Raises OperationalError
    (QueryCanceled) when it takes too long.
    """
    if not shape.may_read or not shape.keys:
        return []
    connection.exec_driver_sql(f"SET LOCAL statement_timeout TO '{SAMPLE_SECONDS}s'")
    key = quote(connection, shape.keys[0])
    both = f"coalesce(l.{key}, t.{key})"
    where, values = _condition(connection, shape, kind), {}
    if after is not None and len(shape.keys) == 1:
        where, values = (
            f"{where} AND {both} > CAST(:after AS {_type_of(connection, live, shape)})",
            {"after": after},
        )
    order = ", ".join(f"coalesce(l.{k}, t.{k})" for k in (quote(connection, name) for name in shape.keys))
    rows = connection.execute(
        text(
            f"SELECT {both}::text, to_jsonb(l), to_jsonb(t) {_joined(connection, live, then, shape)}"
            f" WHERE {where} ORDER BY {order} LIMIT {PAGE_SIZE + 1}"
        ),
        values,
    )
    return [
        RowPair(key_text, kind, _readable(of_live, shape), _readable(of_then, shape))
        for key_text, of_live, of_then in rows
    ]


def _condition(connection: Connection, shape: Shape, kind: Kind) -> str:
    key = quote(connection, shape.keys[0])
    conditions = {"added": f"t.{key} IS NULL", "gone": f"l.{key} IS NULL"}
    return conditions.get(kind) or _differ(connection, shape)


def differing(
    connection: Connection, live: str, then: str, shape: Shape, kind: Kind, chosen: list[int] | None
) -> list[int]:
    """The ids of rows that differ in one way, of those chosen or of all (None). The key must be `id`."""
    where, values = _condition(connection, shape, kind), {}
    if chosen is not None:
        where, values = f"({where}) AND coalesce(l.id, t.id) = ANY(:chosen)", {"chosen": chosen}
    query = f"SELECT coalesce(l.id, t.id) {_joined(connection, live, then, shape)} WHERE {where} ORDER BY 1"
    return list(connection.scalars(text(query), values))


def rows_of(connection: Connection, schema: str, table: str, ids: list[int]) -> dict[int, dict[str, Any]]:
    """Rows as documents, by id."""
    name = f"{quote(connection, schema)}.{quote(connection, table)}"
    found = connection.execute(
        text(f"SELECT r.id, to_jsonb(r) AS document FROM {name} r WHERE r.id = ANY(:ids) ORDER BY 1"),
        {"ids": ids},
    )
    return {row.id: row.document for row in found}


def _type_of(connection: Connection, schema: str, shape: Shape) -> str:
    query = (
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = CAST(:t AS regclass) AND attname = :c"
    )
    table = f"{quote(connection, schema)}.{quote(connection, shape.name)}"
    return str(connection.scalar(text(query), {"t": table, "c": shape.keys[0]}))


def _readable(row: dict[str, Any] | None, shape: Shape) -> dict[str, Any] | None:
    """Bytes are told by their size, secrets not at all."""
    if row is None:
        return None
    for name in shape.binary:
        if row.get(name) is not None:
            row[name] = f"{(len(row[name]) - 2) // 2} bytes beginning {row[name][:18]}"
    return {
        name: ("hidden" if is_secret(name) and value is not None else value) for name, value in row.items()
    }


def is_secret(column: str) -> bool:
    """Whether the values of a column are not for reading."""
    return any(word in column for word in ("password", "secret", "token"))


def as_stored(difference: Difference) -> dict[str, Any]:
    """The difference as the row of a rewind keeps it."""
    return asdict(difference)
