"""Looks into a restored server, read-only: databases, tenants' tables, rows as the tenant's role sees them.

Tables under row-level security (sealed prices) are counted, never shown: a seal that was put off on the live
cluster since then would read as open here.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor

from dashboard.core.errors import NotFoundError, UnavailableError
from dashboard.servers.scratch import ScratchServer

PAGE_ROWS = 50
CONNECT_SECONDS = 3
STATEMENT_SECONDS: float = 5
LONGEST_VALUE = 500
REGISTRY = "public.tenant"
DATABASES = (
    "SELECT datname, pg_database_size(datname) FROM pg_database"
    " WHERE datallowconn AND NOT datistemplate ORDER BY datname"
)
TENANTS = "SELECT slug, name, schema_name, role_name FROM public.tenant ORDER BY name"
TABLES = (
    "SELECT c.relname, c.reltuples::bigint, c.relrowsecurity FROM pg_class c"
    " WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname"
)
COLUMNS = (
    "SELECT a.attname FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0"
    " AND NOT a.attisdropped ORDER BY a.attnum"
)
KEY = (
    "SELECT a.attname FROM pg_index i"
    " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
    " WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY array_position(i.indkey, a.attnum)"
)


@dataclass(frozen=True)
class Place:
    """A tenant of a restored database."""

    slug: str
    name: str
    schema: str
    role: str


@dataclass(frozen=True)
class TableFacts:
    """A table; `estimate` is None when the server has none yet, `is_sealed` when its rows are not shown."""

    name: str
    estimate: int | None
    is_sealed: bool


@dataclass(frozen=True)
class Rows:
    """A page of rows; values are text, cut at 500 characters."""

    columns: list[str]
    rows: list[list[str | None]]
    page: int
    has_next: bool


def list_databases(server: ScratchServer) -> list[tuple[str, int]]:
    """Return the databases with their size in bytes. Raises UnavailableError."""
    with reading(server, "postgres") as at:
        at.execute(DATABASES)
        return at.fetchall()


def list_places(server: ScratchServer, database: str) -> list[Place]:
    """Return the tenants a database had at that time; none when it is no ERP. Raises UnavailableError."""
    with reading(server, database) as at:
        at.execute("SELECT to_regclass(%s)", (REGISTRY,))
        if (at.fetchone() or (None,))[0] is None:
            return []
        at.execute(TENANTS)
        return [Place(*row) for row in at.fetchall()]


def get_place(server: ScratchServer, database: str, slug: str) -> Place:
    """Return one tenant. Raises NotFoundError."""
    for place in list_places(server, database):
        if place.slug == slug:
            return place
    raise NotFoundError("The restored database has no such tenant.")


def list_tables(server: ScratchServer, database: str, place: Place) -> list[TableFacts]:
    """Return a tenant's tables with estimated row counts."""
    with reading(server, database) as at:
        at.execute(TABLES, (_quoted(at, place.schema),))
        return [
            TableFacts(name, estimate if estimate >= 0 else None, is_sealed)
            for name, estimate, is_sealed in at.fetchall()
        ]


def get_table(server: ScratchServer, database: str, place: Place, name: str) -> TableFacts:
    """Return one table. Raises NotFoundError."""
    for table in list_tables(server, database, place):
        if table.name == name:
            return table
    raise NotFoundError(f"{place.name} has no table {name} in this restore.")


def count_rows(server: ScratchServer, database: str, place: Place, table: TableFacts) -> int:
    """Count a table's rows; of sealed ones too, which tells no price. Raises UnavailableError after 5 s."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(place.schema, table.name))
    with reading(server, database) as at:
        at.execute(query)
        return int((at.fetchone() or (0,))[0])


def read_rows(server: ScratchServer, database: str, place: Place, table: TableFacts, page: int) -> Rows:
    """Return a page of rows, the first is 1, by primary key, as the tenant's own role sees them."""
    if table.is_sealed:
        raise NotFoundError(f"The rows of {table.name} are not shown: they hold sealed prices.")
    name = sql.Identifier(place.schema, table.name)
    with reading(server, database, role=place.role) as at:
        quoted = f"{_quoted(at, place.schema)}.{_quoted(at, table.name)}"
        at.execute(COLUMNS, (quoted,))
        columns = [column for (column,) in at.fetchall()]
        at.execute(KEY, (quoted,))
        key = [column for (column,) in at.fetchall()] or columns[:1]
        shown = sql.SQL(", ").join(
            sql.SQL("left({}::text, {})").format(sql.Identifier(column), sql.Literal(LONGEST_VALUE))
            for column in columns
        )
        query = sql.SQL("SELECT {} FROM {} ORDER BY {} LIMIT %s OFFSET %s").format(
            shown, name, sql.SQL(", ").join(map(sql.Identifier, key))
        )
        at.execute(query, (PAGE_ROWS + 1, (page - 1) * PAGE_ROWS))
        rows = [list(row) for row in at.fetchall()]
    return Rows(columns, rows[:PAGE_ROWS], page, len(rows) > PAGE_ROWS)


@contextmanager
def reading(server: ScratchServer, database: str, *, role: str = "") -> Iterator[cursor]:
    """Open a read-only transaction that gives up after five seconds. Raises UnavailableError in words."""
    try:
        with closing(_connect(server, database)) as link:
            link.set_session(readonly=True)
            with link, link.cursor() as at:
                at.execute(f"SET LOCAL statement_timeout = '{int(STATEMENT_SECONDS * 1000)}ms'")
                if role:
                    at.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                yield at
    except psycopg2.errors.QueryCanceled as error:
        message = f"This took longer than {STATEMENT_SECONDS:g} s on the restored server and was given up."
        raise UnavailableError("the restored server", message) from error
    except psycopg2.errors.InsufficientPrivilege as error:
        raise NotFoundError("The tenant's own role may not read this.") from error
    except psycopg2.Error as error:
        message = f"The restored server does not answer: {str(error).strip()}"
        fix = "It is started again within a minute; if not, restore once more."
        raise UnavailableError("the restored server", message, fix=fix) from error


def _connect(server: ScratchServer, database: str) -> Any:
    return psycopg2.connect(server.url(database), connect_timeout=CONNECT_SECONDS)


def _quoted(at: cursor, name: str) -> str:
    """Quote a name as `regclass` and `regnamespace` read it."""
    return sql.Identifier(name).as_string(at.connection)
