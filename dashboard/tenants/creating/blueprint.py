"""Owns the DDL of a whole tenant: made once per release from a template, proved, and replayed at will."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from dashboard.core.config import get_settings
from dashboard.core.errors import DashboardError
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.drift import definition
from dashboard.schema_migrations.histories import FOLDER, History
from dashboard.tenancy.scope import quote
from dashboard.tenants.creating import rendering
from dashboard.tenants.creating.models import TenantBlueprint

# What a new tenant consists of: the tenants' history, the shared functions it calls, how it is rendered, and
# how its fingerprint is made, since spares are known by that.
SOURCES = (
    *(FOLDER / "tenant", FOLDER / "shared", definition.SQL),
    *(Path(rendering.__file__), Path(definition.__file__)),
)
KINDS = (".py", ".sql")


class BlueprintError(DashboardError):
    """A tenant cannot be made from DDL at this release; Alembic has to make it."""


@dataclass(frozen=True)
class Blueprint:
    """DDL of a tenant at a revision; without DDL that revision is one only Alembic can make."""

    revision: str
    ddl: str
    fingerprint: str


@cache
def code_hash() -> str:
    """Return the SHA-256 of everything a new tenant is made of in this release."""
    digest = hashlib.sha256()
    for source in SOURCES:
        paths = source.rglob("*") if source.is_dir() else [source]
        for path in sorted(path for path in paths if path.suffix in KINDS):
            digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def head() -> str:
    """Return the head of the tenants' history in this release. Raises BlueprintError where there are two."""
    found = migrations.heads(History.TENANT)
    if len(found) != 1:
        raise BlueprintError(f"The tenants' history has {len(found)} heads: {', '.join(found)}.")
    return found[0]


@cache
def known_revisions() -> tuple[str, ...]:
    """Return every revision of the tenants' history in this release."""
    scripts = ScriptDirectory.from_config(migrations.config_of(History.TENANT))
    return tuple(script.revision for script in scripts.walk_revisions())


def find(connection: Connection) -> Blueprint | None:
    """Return the blueprint of exactly this release, None before it was made."""
    table = TenantBlueprint
    query = select(table.revision, table.ddl, table.fingerprint).where(
        table.revision == head(), table.code_hash == code_hash()
    )
    row = connection.execute(query).one_or_none()
    return Blueprint(*row) if row else None


def replay(connection: Connection, blueprint: Blueprint, schema: str, role: str) -> None:
    """Make role and schema in the caller's transaction, in one round trip. Raises BlueprintError."""
    if not blueprint.ddl:
        raise BlueprintError(f"Revision {blueprint.revision} cannot be made from DDL.")
    statements = rendering.fill(
        blueprint.ddl,
        schema=quote(connection, schema),
        role=quote(connection, role),
        login=quote(connection, app_login()),
    )
    # without parameters: function bodies are full of per cent signs
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def app_login() -> str:
    """Return the login that acts for the tenants, by becoming their roles."""
    return make_url(get_settings().database_url).username or ""
