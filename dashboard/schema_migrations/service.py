"""Upgrades the three histories and keeps the ledger of tenants."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from flask import current_app
from sqlalchemy import Connection, func, text
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.schema_migrations.fleet.building import build
from dashboard.schema_migrations.fleet.upgrading import bring_up
from dashboard.schema_migrations.histories import PLANS, History, migration_context
from dashboard.schema_migrations.models import SchemaHead, SchemaKind, TenantRevision
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import quote

LOCK_KEY = 7_310_001  # any constant: one migration at a time per database
CREATION_SECONDS = 1.0  # longer than it takes to create a tenant

Say = Callable[[str], None]


class MigrationError(DashboardError):
    """A migration could not run; nothing of it is left."""


def config_of(history: History) -> Config:
    """Alembic's configuration of a history, through Flask-Migrate."""
    config: Config = current_app.extensions["migrate"].migrate.get_config(history.directory)
    return config


@cache
def heads(history: History) -> tuple[str, ...]:
    """The newest revisions in the code; more than one is a mistake to merge."""
    return tuple(ScriptDirectory.from_config(config_of(history)).get_heads())


def current(connection: Connection, history: History, schema: str = "public") -> str | None:
    """The revision a database (or a tenant's schema) stands at; None before the first."""
    return migration_context(connection, history, schema).get_current_revision()


def upgrade(connection: Connection, history: History, schema: str = "public", to: str = "head") -> bool:
    """Bring one history forward on the caller's transaction. Returns whether anything was pending."""
    if to == "head" and (current(connection, history, schema),) == heads(history):
        return False
    config = config_of(history)
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.upgrade(config, to)
    return True


def downgrade(connection: Connection, history: History, schema: str = "public", to: str = "base") -> None:
    """Take a history back on the caller's transaction (tests and emergencies)."""
    config = config_of(history)
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.downgrade(config, to)


def upgrade_tenant(connection: Connection, tenant: TenantRef, *, actor: str) -> bool:
    """Bring one tenant to the head and note it in the ledger, in the same transaction.

    For schemas nobody works in, new or just restored; `upgrade_all` and runs move the others.
    """
    before = current(connection, History.TENANT, tenant.schema)
    started = time.monotonic()
    is_built = build(connection, tenant.schema, before)
    if not is_built and not upgrade(connection, History.TENANT, tenant.schema):
        return False
    if before is None:
        _protect_version(connection, tenant)
    after = current(connection, History.TENANT, tenant.schema)
    connection.execute(
        TenantRevision.__table__.insert().values(  # type: ignore[attr-defined]  # a Table at run time
            tenant_id=tenant.id,
            from_revision=before,
            to_revision=after,
            applied_by=actor,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
    )
    note_head(connection, tenant.schema, after, tenant_id=tenant.id)
    return True


def note_head(
    connection: Connection,
    schema: str,
    revision: str | None,
    *,
    tenant_id: int | None = None,
    kind: SchemaKind = SchemaKind.TENANT,
) -> None:
    """Write into the ledger where a schema stands; what it consists of has to be read anew."""
    values = {
        "kind": kind,
        "tenant_id": tenant_id,
        "revision": revision,
        "moved_at": func.clock_timestamp(),
        "fingerprint": None,
        "fingerprinted_at": None,
    }
    statement = insert(SchemaHead).values(schema_name=schema, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["schema_name"], set_=values))


def write_revision(history: History, message: str) -> str:
    """Write the next revision of a history from the models; returns its path.

    The number counts on, so that files sort as they run. Needs a tenant for the tenant history.
    """
    config = config_of(history)
    number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
    schema = "public" if history is not History.TENANT else tenancy.list_standing()[0].schema
    with db.engines[PLANS[history].bind].connect() as connection:
        config.attributes.update(connection=connection, schema=schema)
        script = command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
    heads.cache_clear()
    return str(script.path) if isinstance(script, Script) else ""


def _protect_version(connection: Connection, tenant: TenantRef) -> None:
    """Where a tenant stands is for migrations to write, not for the tenant's role."""
    table = f"{quote(connection, tenant.schema)}.alembic_version"
    connection.exec_driver_sql(
        f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {quote(connection, tenant.role)}"
    )


def upgrade_all(say: Say, *, actor: str = "system") -> None:
    """Bring the control database, the shared tables and every schema of the ledger to their heads."""
    for history in (History.CONTROL, History.SHARED):
        with locked_connection(PLANS[history].bind) as connection:
            moved = upgrade(connection, history)
        say(f"{history.value}: {'migrated to' if moved else 'already at'} {', '.join(heads(history))}")
    tenancy.forget()
    url = db.engines["owner"].url.render_as_string(hide_password=False)
    scripts = ScriptDirectory(History.TENANT.directory)
    done = bring_up(url, actor=actor, say=say, scripts=scripts)
    say(f"tenants: {done.moved} of {done.total} migrated, all at {', '.join(heads(History.TENANT))}")


@contextmanager
def locked_connection(bind: str) -> Iterator[Connection]:
    """One transaction on a direct connection, alone: a second migrator is refused, not kept waiting.

    Creations of tenants share the lock for moments; they are let pass.
    """
    with db.engines[bind].begin() as connection:
        deadline = time.monotonic() + CREATION_SECONDS
        while not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK_KEY}):
            if time.monotonic() > deadline:
                raise MigrationError(
                    "Another migration is running.", fix="Wait until it has finished, then try again."
                )
            time.sleep(0.05)
        yield connection
