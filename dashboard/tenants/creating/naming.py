"""Names of schemas and roles: those a tenant gets for good, and those of spares and templates.

A spare's role keeps its name when a tenant takes the spare: PostgreSQL 16 and later look through all roles
the owner may administer before one is renamed, so a thousand tenants would make the next one slow.
"""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, text

from dashboard.schema_migrations.models import SchemaKind
from dashboard.tenancy.scope import quote

SPARE_ROLE = "tenant_role"
NUMBERED = text(
    "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname ~ :pattern"
    " UNION SELECT rolname FROM pg_catalog.pg_roles WHERE rolname ~ :pattern"
    " UNION SELECT schema_name FROM public.schema_head WHERE schema_name ~ :pattern"
    " UNION SELECT role_name FROM public.tenant WHERE role_name ~ :pattern"
)
LAST_NUMBER = 1000


def tenant_name(slug: str) -> str:
    """Return the name of schema and role a slug would like to have."""
    return "tenant_" + slug.replace("-", "_")


def candidates(slug: str) -> Iterator[str]:
    """Return the names a tenant could have for good: the one it would like, then others."""
    base = tenant_name(slug)
    yield base
    yield from (f"{base}_{number}" for number in range(2, LAST_NUMBER))


def next_name(connection: Connection, kind: SchemaKind) -> str:
    """Return the next name of a spare or a template; numbers are not used again while one is about."""
    found = connection.scalars(NUMBERED, {"pattern": f"^({kind.value}|{SPARE_ROLE})_[0-9]+$"})
    return f"{kind.value}_{max((int(name.rpartition('_')[2]) for name in found), default=0) + 1}"


def role_of(name: str) -> str:
    """Return the role of a spare or a template."""
    return re.sub(rf"^{SchemaKind.SPARE.value}_(?=\d+$)", f"{SPARE_ROLE}_", name)


def renaming_schema(connection: Connection, old: str, new: str) -> str:
    """Return the statement that gives a schema another name."""
    return f"ALTER SCHEMA {quote(connection, old)} RENAME TO {quote(connection, new)}"
