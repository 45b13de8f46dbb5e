"""Makes schemas by Alembic, and from the one called template the blueprint of the release."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, delete, func, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert

from dashboard.backups.copies.setup import programs_of
from dashboard.core.config import get_settings
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.drift import definition
from dashboard.schema_migrations.models import SchemaKind
from dashboard.tenancy.models import Tenant, TenantRef
from dashboard.tenancy.scope import quote
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import naming, rendering
from dashboard.tenants.creating.blueprint import Blueprint, BlueprintError
from dashboard.tenants.creating.dropping import drop_all
from dashboard.tenants.creating.locking import creating
from dashboard.tenants.creating.models import TenantBlueprint
from dashboard.tenants.rewinding import sealing
from dashboard.tenants.rewinding.tools import Tools, libpq_environment

log = structlog.get_logger()
PROOF = "template_proof"
# A table that never held a row has no page; this needs no right to read the sealed ones.
FILLED = text(
    "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace(:schema) AND relkind = 'r'"
    " AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0 ORDER BY 1"
)


def create_by_alembic(connection: Connection, tenant: TenantRef, *, actor: str) -> None:
    """Make role and schema of a registered tenant and run its whole history, as the ledger will tell."""
    role, schema = quote(connection, tenant.role), quote(connection, tenant.schema)
    login = quote(connection, blueprints.app_login())
    defaults = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT"
    connection.exec_driver_sql(
        f"CREATE ROLE {role} NOLOGIN IN ROLE steward_tenant ROLE {login};"
        f" CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {role};"
        f" {defaults} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};"
        f" {defaults} USAGE, SELECT ON SEQUENCES TO {role}"
    )
    migrations.upgrade_tenant(connection, tenant, actor=actor)
    connection.exec_driver_sql("SET LOCAL search_path TO ''")


def make_by_alembic(connection: Connection, name: str) -> None:
    """Make a spare or a template of that name with its role, which no tenant has.

    Migrations ask the registry for the role of the schema they run in, so a tenant is registered until they
    are done. Nobody sees it: it is gone before the commit.
    """
    passing = naming.tenant_name(name)
    values = {"slug": f"t-{name.replace('_', '-')}", "name": name, "colour": "#000000"}
    statement = insert(Tenant).values(schema_name=passing, role_name=passing, **values).returning(Tenant.id)
    ref = TenantRef(connection.scalar(statement) or 0, values["slug"], name, passing, passing, "", "active")
    create_by_alembic(connection, ref, actor="system")
    connection.execute(delete(Tenant).where(Tenant.id == ref.id))
    role = f"{quote(connection, passing)} RENAME TO {quote(connection, naming.role_of(name))}"
    connection.exec_driver_sql(f"{naming.renaming_schema(connection, passing, name)}; ALTER ROLE {role}")


def make_blueprint(tick: Callable[[], None] = lambda: None) -> Blueprint:
    """Make template and blueprint of this release, in place of the former ones; returns the blueprint.

    What the DDL would make is compared with the template before it is kept. Where they differ, or where
    migrations leave rows behind, the blueprint says that Alembic has to make tenants.
    """
    drop_all(SchemaKind.TEMPLATE)
    with creating() as connection:
        name = naming.next_name(connection, SchemaKind.TEMPLATE)
        make_by_alembic(connection, name)
        migrations.note_head(connection, name, blueprints.head(), kind=SchemaKind.TEMPLATE)
        sealed = sealing.owned_by_others(connection, name)
        _let_owner_read(connection, name, sealed, "GRANT", "TO")
    dump = _dump(name, tick)
    with creating() as connection:
        _let_owner_read(connection, name, sealed, "REVOKE", "FROM")
        return _keep(connection, name, dump, sealed)


def _let_owner_read(
    connection: Connection, name: str, sealed: list[tuple[str, str, str]], verb: str, preposition: str
) -> None:
    """Sealed tables are not the owner's, and pg_dump locks what it reads; the template's are empty."""
    tables = [f"{quote(connection, name)}.{table}" for kind, table, _ in sealed if kind == "table"]
    if tables:
        sealing.become_sealer(connection)
        connection.exec_driver_sql(
            f"{verb} SELECT ON {', '.join(tables)} {preposition} CURRENT_USER; {sealing.BACK}"
        )


def _dump(name: str, tick: Callable[[], None]) -> str:
    settings = get_settings()
    environment = libpq_environment(
        settings.database_direct_url, "steward-blueprint", settings.database_sslmode
    )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "template.sql"
        options = ("--schema-only", "--no-owner", "-n", name, "-f", str(target))
        Tools(programs_of(settings), tick).run("pg_dump", *options, environment=environment)
        return target.read_text()


def _keep(connection: Connection, name: str, dump: str, sealed: list[tuple[str, str, str]]) -> Blueprint:
    owner = str(connection.scalar(text("SELECT current_user")))
    handed = [(kind, what) for kind, what, to in sealed if to == sealing.SEALER]
    ddl = rendering.render(dump, name=name, owner=owner, revision=blueprints.head(), sealed=handed)
    made = Blueprint(blueprints.head(), ddl, definition.fingerprint(connection, name, role=name))
    try:
        _prove(connection, name, made)
    except BlueprintError as error:
        log.warning("tenants_by_alembic_only", revision=made.revision, reason=error.message)
        made = Blueprint(made.revision, "", made.fingerprint)
    values: dict[str, Any] = {
        "code_hash": blueprints.code_hash(),
        "ddl": made.ddl,
        "fingerprint": made.fingerprint,
        "made_at": func.clock_timestamp(),
    }
    statement = upsert(TenantBlueprint).values(revision=made.revision, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["revision"], set_=values))
    return made


def _prove(connection: Connection, name: str, made: Blueprint) -> None:
    """Replay it and compare with the template; nothing of that stays. Raises BlueprintError."""
    _refuse_rows(connection, name)
    with connection.begin_nested() as attempt:
        blueprints.replay(connection, made, PROOF, PROOF)
        found = definition.fingerprint(connection, PROOF, role=PROOF)
        different = [] if found == made.fingerprint else _differences(connection, name, PROOF)
        attempt.rollback()
    if found != made.fingerprint:
        raise BlueprintError(f"DDL would make something else than Alembic: {', '.join(different[:12])}.")


def _differences(connection: Connection, one: str, other: str) -> list[str]:
    sides = [set(definition.read_objects(connection, name, role=name)) for name in (one, other)]
    return sorted({f"{kind} {name}" for kind, name, _body in sides[0] ^ sides[1]})


def _refuse_rows(connection: Connection, name: str) -> None:
    filled = list(connection.scalars(FILLED, {"schema": name}))
    if filled:
        raise BlueprintError(f"Migrations put rows into {', '.join(filled)}, which DDL does not do.")
