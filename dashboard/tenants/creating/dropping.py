"""Drops schemas that no tenant has: one per transaction, since each takes hundreds of locks."""

from sqlalchemy import text

from dashboard.schema_migrations.models import SchemaKind
from dashboard.tenancy.scope import quote
from dashboard.tenants.creating import naming
from dashboard.tenants.creating.locking import creating, try_schema

# In the ledger or not: a database that was restored, or a hand, may have left a schema or a role alone.
OF_KIND = text(
    "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname ~ :pattern"
    " UNION SELECT rolname FROM pg_catalog.pg_roles WHERE rolname ~ :pattern"
    " UNION SELECT schema_name FROM public.schema_head WHERE kind = :kind ORDER BY 1"
)
# A spare of former releases has a role of its own name.
ROLES = text(
    "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN (:name, :role)"
    " AND NOT EXISTS (SELECT FROM public.tenant WHERE role_name = rolname)"
)
FORGET = text("DELETE FROM public.schema_head WHERE schema_name = :name AND kind <> 'tenant'")
LOCK = text(
    "SELECT schema_name FROM public.schema_head WHERE schema_name = :name AND kind <> 'tenant'"
    " FOR UPDATE SKIP LOCKED"
)
IS_KNOWN = text("SELECT EXISTS (SELECT FROM public.schema_head WHERE schema_name = :name)")


def names_of(kind: SchemaKind) -> list[str]:
    """Return every name of a kind that a schema, a role or the ledger has."""
    with creating() as connection:
        names = {"pattern": f"^{kind.value}_[0-9]+$", "kind": kind.value}
        return list(connection.scalars(OF_KIND, names))


def drop_all(kind: SchemaKind) -> None:
    """Drop all schemas of a kind with their roles."""
    for name in names_of(kind):
        drop(name)


def drop(name: str) -> bool:
    """Drop a spare or template with its role; False when it is in use or a tenant's by now."""
    with creating() as connection:
        if not try_schema(connection, name):
            return False
        if connection.scalar(IS_KNOWN, {"name": name}) and not connection.scalar(LOCK, {"name": name}):
            return False
        quoted = quote(connection, name)
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {quoted} CASCADE")
        for role in connection.scalars(ROLES, {"name": name, "role": naming.role_of(name)}).all():
            connection.exec_driver_sql(f"DROP ROLE {quote(connection, role)}")
        connection.execute(FORGET, {"name": name})
        return True
