"""Names of schemas and roles: those a tenant gets for good, and those of spares and templates."""

import re

from sqlalchemy import Connection, text

from dashboard.schema_migrations.models import SchemaKind
from dashboard.tenancy.scope import quote

# Names in use anywhere: also those of archived tenants, whose schema comes back under its name.
TAKEN = text(
    "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY(:names)"
    " UNION SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY(:names)"
    " UNION SELECT schema_name FROM public.tenant WHERE schema_name = ANY(:names)"
    " UNION SELECT role_name FROM public.tenant WHERE role_name = ANY(:names)"
)
NUMBERED = text(
    "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE :pattern"
    " UNION SELECT rolname FROM pg_catalog.pg_roles WHERE rolname LIKE :pattern"
    " UNION SELECT schema_name FROM public.schema_head WHERE schema_name LIKE :pattern"
)
AT_A_TIME = 16


def tenant_name(slug: str) -> str:
    """Return the name of schema and role a slug would like to have."""
    return "tenant_" + slug.replace("-", "_")


def free_name(connection: Connection, slug: str) -> str:
    """Return a name that neither schema nor role nor tenant has; it never changes afterwards."""
    base, first = tenant_name(slug), 1
    while True:
        names = [base if number == 1 else f"{base}_{number}" for number in range(first, first + AT_A_TIME)]
        taken = set(connection.scalars(TAKEN, {"names": names}))
        free = next((name for name in names if name not in taken), None)
        if free:
            return free
        first += AT_A_TIME


def next_name(connection: Connection, kind: SchemaKind) -> str:
    """Return the next name of a spare or a template; numbers are not used again while one is about."""
    found = connection.scalars(NUMBERED, {"pattern": f"{kind.value}\\_%"})
    numbers = [int(match[1]) for name in found if (match := re.fullmatch(rf"{kind.value}_(\d+)", name))]
    return f"{kind.value}_{max(numbers, default=0) + 1}"


def renaming(connection: Connection, old: str, new: str) -> str:
    """Return the statements that give schema and role of one name another."""
    before, after = quote(connection, old), quote(connection, new)
    return f"ALTER SCHEMA {before} RENAME TO {after}; ALTER ROLE {before} RENAME TO {after}"
