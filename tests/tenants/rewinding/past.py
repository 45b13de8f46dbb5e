"""A tenant with a past: the whole database copied at a moment plays the scratch server."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from sqlalchemy import text

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.erp.demo import service as demo
from dashboard.servers.binaries import postgres_bin
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.rewinding import loading
from dashboard.tenants.rewinding.loading import Loaded, Passage
from dashboard.tenants.rewinding.naming import aside_name, beside_name
from dashboard.tenants.rewinding.swapping import Exchange
from dashboard.tenants.rewinding.tools import Tools
from dashboard.tenants.service import create_tenant

TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') ORDER BY 1
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s ORDER BY 1"
Truth = dict[str, dict[str, int]]


@dataclass
class Past:
    """A tenant, the superuser's address of its database, and the copies made of it."""

    tenant: TenantRef
    superuser: Callable[[str], str]
    database: str
    settings: Settings
    number: int = 0
    copies: list[str] = field(default_factory=list)

    @property
    def beside(self) -> str:
        """Where the old state is loaded."""
        return beside_name(self.tenant.schema, self.number)

    @property
    def exchange(self) -> Exchange:
        """The swap of the old state into the live place."""
        aside = aside_name(self.tenant.schema, self.number)
        return Exchange(self.tenant.schema, self.beside, aside, self.tenant.role)

    @property
    def back(self) -> Exchange:
        """The swap back."""
        there = self.exchange
        return Exchange(there.live, there.outgoing, there.incoming, there.role)

    def sql(self, statement: str, *values: Any, database: str = "") -> list[tuple[Any, ...]]:
        """Run a statement as superuser and return its rows."""
        with closing(psycopg2.connect(self.superuser(database or self.database))) as link:
            link.autocommit = True
            with link.cursor() as at:
                at.execute(f"SET search_path TO {self.tenant.schema}, public")
                at.execute(statement, values or None)
                return at.fetchall() if at.description else []

    def copy(self) -> str:
        """Copy the database as it is now; returns the copy's name."""
        for engine in db.engines.values():
            engine.dispose()
        name = f"then_{secrets.token_hex(4)}"
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            " AND pid <> pg_backend_pid()",
            self.database,
            database="postgres",
        )
        self.sql(f"CREATE DATABASE {name} TEMPLATE {self.database}", database="postgres")
        self.copies.append(name)
        return name

    def load(self, then: str, tick: Callable[[], None] = lambda: None) -> Loaded:
        """Load the tenant beside from a copy."""
        passage = Passage(
            self.superuser(then),
            str(self.settings.database_direct_url),
            self.tenant.schema,
            self.beside,
            self.tenant.role,
            f"steward-rewind-{self.number}",
            self.settings.home / "rewinds" / str(self.number),
        )
        tools = Tools(postgres_bin(None, self.settings.home / "bin", explicit=self.settings.pg_bin), tick)
        return loading.load(passage, tools, lambda _phase: None)

    def truth(self, schema: str = "", database: str = "") -> Truth:
        """How often each row (its MD5) is in each table of a schema, read as superuser."""
        schema = schema or self.tenant.schema
        return {
            table: dict(
                self.sql(
                    f"SELECT md5(r::text), count(*) FROM {schema}.{table} r GROUP BY 1", database=database
                )
            )
            for (table,) in self.sql(TABLES, schema, database=database)
        }

    def sequences(self, schema: str = "") -> dict[str, int | None]:
        """What each sequence stands at."""
        return dict(self.sql(SEQUENCES, schema or self.tenant.schema))


@contextmanager
def past_of(superuser: Callable[[str], str], database: str, settings: Settings) -> Iterator[Past]:
    """Make a tenant with demo data; it and the copies are removed afterwards. Needs an app context."""
    slug = f"past-{secrets.token_hex(3)}"
    tenant = create_tenant(f"Past {slug}", slug)
    demo.load(tenant, "small", 0.05)
    past = Past(tenant, superuser, database, settings)
    try:
        yield past
    finally:
        db.session.remove()
        for name in past.copies:  # first: what is in them depends on the tenant's role
            past.sql(f"DROP DATABASE {name} WITH (FORCE)", database="postgres")
        remove_tenant(tenant)


def remove_tenant(tenant: TenantRef) -> None:
    """Drop what was made of a tenant, beside schemas too."""
    with db.engines["owner"].connect() as connection:
        names = connection.scalars(
            text("SELECT nspname FROM pg_namespace WHERE nspname LIKE :name"), {"name": f"{tenant.schema}%"}
        ).all()
        connection.rollback()
        for schema in names:
            connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
            connection.commit()
        connection.exec_driver_sql(f"DROP ROLE {tenant.role}")
        connection.execute(text("DELETE FROM public.tenant WHERE id = :id"), {"id": tenant.id})
        connection.commit()
    tenancy.forget()
