"""Looks at the tenants' schemas and tries to break out of each, on connections it is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import quote

SCHEMAS = (Path(__file__).with_name("sql") / "schemas.sql").read_text()
PERMISSION_DENIED = "42501"  # insufficient_privilege, PostgreSQL appendix A


@dataclass(frozen=True)
class SchemaFacts:
    """What the catalog says of one tenant's schema; size in bytes, rows estimated."""

    slug: str
    schema: str
    is_registered: bool
    has_schema: bool
    has_role: bool
    owner: str
    tables: int
    bytes: int
    rows: int

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty when all is well."""
        if not self.is_registered:
            return "a schema that belongs to no tenant"
        if not self.has_schema:
            return "the schema is missing"
        if not self.has_role:
            return "the role is missing"
        return "" if self.tables else "the schema has no tables"


@dataclass(frozen=True)
class Attempt:
    """One try to leave a tenant and how PostgreSQL answered."""

    title: str
    statement: str
    was_refused: bool
    answer: str


def read_schemas(connection: Connection) -> list[SchemaFacts]:
    """Facts of every tenant schema, registered or not (the verification query of the strategy)."""
    rows = connection.execute(text(SCHEMAS)).mappings()
    return [
        SchemaFacts(
            row["slug"], row["schema_name"], row["is_registered"], row["has_schema"], row["has_role"],
            row["owner"], row["tables"], row["bytes"], row["rows"],
        )
        for row in rows
    ]  # fmt: skip


def escapes(connection: Connection, others: list[TenantRef]) -> Iterator[tuple[str, str]]:
    """The tries: title and statement. Identifiers come from the registry and are quoted."""
    for other in others[:1]:
        schema = quote(connection, other.schema)
        yield "read another tenant's history", f"SELECT * FROM {schema}.row_history LIMIT 1"  # noqa: S608
        yield "read another tenant's version", f"SELECT * FROM {schema}.alembic_version"  # noqa: S608
        yield "create in another tenant's schema", f"CREATE TABLE {schema}.probe (id int)"
    yield "list the tenants", "SELECT * FROM public.tenant"
    yield "move the search path inside a query", "SELECT set_config('search_path', 'public', true)"
    yield "run a query inside a function", "SELECT query_to_xml('SELECT 1', true, true, '')"
    yield "rewrite history", "DELETE FROM row_history"
    yield "forge history", "INSERT INTO row_history (table_name, record_id) VALUES ('probe', 1)"
    yield "make a temporary table", "CREATE TEMPORARY TABLE probe (id int)"
    yield "create in the shared schema", "CREATE TABLE public.probe (id int)"
    yield "read a file of the server", "SELECT pg_read_file('postgresql.conf')"


def try_to_escape(connection: Connection, tenant: TenantRef, others: list[TenantRef]) -> list[Attempt]:
    """Try every escape as the tenant's role on an app-login connection; nothing is kept."""
    path = quote(connection, tenant.schema)
    attempts = []
    for title, statement in escapes(connection, others):
        with connection.begin() as transaction:
            connection.exec_driver_sql(
                f"SET LOCAL ROLE {quote(connection, tenant.role)};"
                f" SET LOCAL search_path TO {path}, public, pg_temp; SET LOCAL statement_timeout TO '5s'"
            )
            attempts.append(_attempt(connection, title, statement))
            transaction.rollback()
    return attempts


def _attempt(connection: Connection, title: str, statement: str) -> Attempt:
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        state = getattr(error.orig, "pgcode", None)
        words = str(error.orig).splitlines()[0]
        return Attempt(title, statement, state == PERMISSION_DENIED, words)
    return Attempt(title, statement, was_refused=False, answer="PostgreSQL allowed it")
