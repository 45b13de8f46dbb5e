"""Names of schemas and roles: those a tenant gets for good, and those of spares and templates."""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, text

from dashboard.schema_migrations.models import SchemaKind
from dashboard.tenancy.scope import quote

NUMBERED = text(
    "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE :pattern"
    " UNION SELECT rolname FROM pg_catalog.pg_roles WHERE rolname LIKE :pattern"
    " UNION SELECT schema_name FROM public.schema_head WHERE schema_name LIKE :pattern"
)
AT_A_TIME, LAST_NUMBER = 8, 1000


def tenant_name(slug: str) -> str:
    """Return the name of schema and role a slug would like to have."""
    return "tenant_" + slug.replace("-", "_")


def candidates(slug: str) -> Iterator[list[str]]:
    """Return the names a tenant could have for good, the one it would like first, some at a time."""
    base = tenant_name(slug)
    yield [base, *(f"{base}_{number}" for number in range(2, AT_A_TIME))]
    for first in range(AT_A_TIME, LAST_NUMBER, AT_A_TIME):
        yield [f"{base}_{number}" for number in range(first, first + AT_A_TIME)]


def next_name(connection: Connection, kind: SchemaKind) -> str:
    """Return the next name of a spare or a template; numbers are not used again while one is about."""
    found = connection.scalars(NUMBERED, {"pattern": f"{kind.value}\\_%"})
    numbers = [int(match[1]) for name in found if (match := re.fullmatch(rf"{kind.value}_(\d+)", name))]
    return f"{kind.value}_{max(numbers, default=0) + 1}"


def renaming(connection: Connection, old: str, new: str) -> str:
    """Return the statements that give schema and role of one name another."""
    before, after = quote(connection, old), quote(connection, new)
    return f"ALTER SCHEMA {before} RENAME TO {after}; ALTER ROLE {before} RENAME TO {after}"
