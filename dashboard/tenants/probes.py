"""Looks at the tenants' schemas, set by set: are they there, how large, when last changed, what grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from dashboard.tenancy.scope import quote

SQL = Path(__file__).with_name("sql")
SCHEMAS = (SQL / "schemas.sql").read_text()
TABLES = (SQL / "tables.sql").read_text()
DATABASE = (SQL / "database.sql").read_text()
# On disk; where a migration holds a table, what the planner counted when it was last vacuumed.
EXACT = "pg_total_relation_size(c.oid)"
COUNTED = (
    "(c.relpages + coalesce((SELECT sum(i.relpages) FROM pg_index AS x"
    " JOIN pg_class AS i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid), 0))"
    " * current_setting('block_size')::bigint"
)
# Catalogs have poor statistics while many schemas are made: nested loops over them would take minutes.
AS_SETS = "SET LOCAL enable_nestloop TO off; SET LOCAL jit TO off"
HISTORY = "row_history"
ARCHIVED = "archived"


@dataclass(frozen=True)
class SchemaFacts:
    """What the catalog says of one tenant's schema."""

    slug: str
    schema: str
    status: str
    is_registered: bool
    has_schema: bool
    has_role: bool
    owner: str
    tables: int

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty when all is well."""
        if not self.is_registered:
            return "a schema that belongs to no tenant"
        if self.status == ARCHIVED:
            return "archived, but its schema is still there" if self.has_schema else ""
        if not self.has_schema:
            return "the schema is missing"
        if not self.has_role:
            return "the role is missing"
        return "" if self.tables else "the schema has no tables"


@dataclass(frozen=True)
class TableSize:
    """One table: bytes with its indexes and TOAST, rows as the statistics have them."""

    schema: str
    name: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class DatabaseFacts:
    """What grows with the number of tenants. Locks are entries of the server's one lock table."""

    schemas: int
    relations: int
    dump_locks: int
    catalog_bytes: int
    drop_locks: int
    max_locks: int
    sessions: int


def read_schemas(connection: Connection) -> list[SchemaFacts]:
    """Facts of every tenant schema, registered or not (the verification query of the strategy)."""
    connection.exec_driver_sql(AS_SETS)
    return [SchemaFacts(**row) for row in connection.execute(text(SCHEMAS)).mappings()]


def read_database(connection: Connection) -> DatabaseFacts:
    """Counts and settings of the whole database."""
    connection.exec_driver_sql(AS_SETS)
    return DatabaseFacts(**connection.execute(text(DATABASE)).mappings().one())


def read_tables(connection: Connection, schemas: Sequence[str]) -> list[TableSize]:
    """Tables of some schemas. A table that is locked for longer than the limit makes them estimates."""
    try:
        return _tables(connection, schemas, EXACT)
    except DBAPIError:
        connection.rollback()
        return _tables(connection, schemas, COUNTED)


def _tables(connection: Connection, schemas: Sequence[str], size: str) -> list[TableSize]:
    statement = text(TABLES.format(size=size))
    found = [TableSize(*row) for row in connection.execute(statement, {"schemas": list(schemas)})]
    connection.rollback()  # nothing stays open while the next ones are read
    return found


def read_last_changes(connection: Connection, schemas: Sequence[str]) -> dict[str, datetime | None]:
    """When a row of each schema was last changed: the newest of its history. Unknown while one is locked.

    Needs a login that may read tenants, and schemas that have a history.
    """
    if not schemas:
        return {}
    parts = (
        f"(SELECT {number}, at FROM {quote(connection, schema)}.{HISTORY} ORDER BY id DESC LIMIT 1)"  # noqa: S608
        for number, schema in enumerate(schemas)
    )
    try:
        connection.exec_driver_sql("SET LOCAL lock_timeout TO '500ms'; SET LOCAL statement_timeout TO '15s'")
        rows = connection.exec_driver_sql(" UNION ALL ".join(parts)).all()
    except DBAPIError:
        return {}
    finally:
        connection.rollback()
    return {schemas[number]: at for number, at in rows}
