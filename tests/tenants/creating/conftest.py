"""A blueprint and spares on the session's servers, and nothing of them afterwards."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.schema_migrations.drift import definition
from dashboard.schema_migrations.drift.definition import Object
from dashboard.schema_migrations.models import SchemaKind
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.creating import pool
from dashboard.tenants.creating.dropping import drop_all, names_of

# All that one creation leaves behind, by where it is.
TRACES = text(
    "SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE :like"
    " UNION SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE :like"
    " OR rolname IN (SELECT role_name FROM public.tenant WHERE schema_name LIKE :like)"
    " UNION SELECT 'tenant ' || schema_name FROM public.tenant WHERE schema_name LIKE :like"
    " UNION SELECT 'head ' || schema_name FROM public.schema_head WHERE schema_name LIKE :like ORDER BY 1"
)


@dataclass
class Makings:
    """Short names for tenants of a test, and looks at what became of them."""

    app: Flask
    stem: str = field(default_factory=lambda: f"made{secrets.token_hex(3)}")
    count: int = 0

    def slug(self) -> str:
        """Return a short name nobody has."""
        self.count += 1
        return f"{self.stem}-{self.count}"

    def traces(self, slug: str) -> list[str]:
        """Return what carries the name of a tenant."""
        with db.engines["owner"].connect() as connection:
            return list(connection.scalars(TRACES, {"like": f"tenant_{slug.replace('-', '_')}"}))

    def objects(self, tenant: TenantRef) -> list[Object]:
        """Return every definition of its schema."""
        with db.engines["owner"].connect() as connection:
            return definition.read_objects(connection, tenant.schema, role=tenant.role)

    def sessions(self) -> int:
        """Return how many transactions of the owner are open and idle."""
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = current_user AND state = 'idle in transaction'"
        )
        with db.engines["owner"].connect() as connection:
            return connection.exec_driver_sql(query).scalar() or 0

    def spares(self) -> list[str]:
        """Return the names of all spares there are."""
        return names_of(SchemaKind.SPARE)

    def sql(self, statement: str, **values: object) -> None:
        """Run a statement as the owner."""
        with db.engines["owner"].begin() as connection:
            connection.execute(text(statement), values)

    def clear(self) -> None:
        """Remove the tenants, one schema per transaction."""
        with db.engines["owner"].connect() as connection:
            query = text(f"SELECT schema_name, role_name FROM tenant WHERE slug ~ '^{self.stem}'")
            found = connection.execute(query).all()
            connection.rollback()
            for name, role in found:
                connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE; DROP ROLE {role}")
                connection.execute(text("DELETE FROM tenant WHERE schema_name = :n"), {"n": name})
                connection.commit()
        tenancy.forget()


@pytest.fixture(scope="package")
def blueprint(app: Flask) -> Iterator[None]:
    """The blueprint of this release, with its template; everything of it goes again."""
    with app.app_context():
        pool.keep(0)
        yield
        clear_pool()


def clear_pool() -> None:
    """Drop spares and templates and forget the blueprints."""
    for kind in (SchemaKind.SPARE, SchemaKind.TEMPLATE):
        drop_all(kind)
    with db.engines["owner"].begin() as connection:
        connection.execute(text("DELETE FROM public.tenant_blueprint"))


@pytest.fixture
def makings(app: Flask) -> Iterator[Makings]:
    """Names for new tenants; what was made of them is removed, and so are all spares."""
    makings = Makings(app)
    with app.app_context():
        yield makings
        makings.clear()
        drop_all(SchemaKind.SPARE)
        with db.engines["control"].begin() as connection:
            connection.execute(text("DELETE FROM job_run WHERE job = 'tenants.keep_spares'"))
