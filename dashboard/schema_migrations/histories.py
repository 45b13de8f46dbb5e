"""Names the three histories and runs one of them on a connection; used by each env.py."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from alembic import context
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from dashboard.core.db import ControlModel, SharedModel, TenantModel, db

PACKAGE = Path(__file__).resolve().parents[1]
FOLDER = PACKAGE.parent / "migrations"


class History(StrEnum):
    """Which tables a history owns."""

    CONTROL = "control"
    SHARED = "shared"
    TENANT = "tenant"

    @property
    def directory(self) -> str:
        """Where its revisions live."""
        return str(FOLDER / self.value)


@dataclass(frozen=True)
class _Plan:
    metadata: MetaData
    bind: str
    schema: str
    version_table: str


PLANS: Mapping[History, _Plan] = {
    History.CONTROL: _Plan(ControlModel.metadata, "control", "public", "alembic_version"),
    History.SHARED: _Plan(SharedModel.metadata, "owner", "public", "shared_version"),
    History.TENANT: _Plan(TenantModel.metadata, "owner", "", "alembic_version"),
}
NOT_OURS = frozenset({"pg_stat_statements", "pg_stat_statements_info"})


def run(history: History) -> None:
    """Entry point of env.py: run on the caller's connection, else on one of our own."""
    connection: Connection | None = context.config.attributes.get("connection")
    schema = context.config.attributes.get("schema") or context.get_x_argument(as_dictionary=True).get(
        "schema"
    )
    if connection is not None:
        run_on(connection, history, schema)
        return
    with db.engines[PLANS[history].bind].connect() as own:
        run_on(own, history, schema)
        own.commit()


def run_on(connection: Connection, history: History, schema: str | None = None) -> None:
    """Run what Alembic was asked for; a tenant's history needs the tenant's schema."""
    plan = PLANS[history]
    target = plan.schema or schema
    if not target:
        raise ValueError("a tenant migration needs a schema: flask db … -x schema=tenant_name")
    enter(connection, target)
    context.configure(connection=connection, **settings_of(history, target))
    with context.begin_transaction():
        context.run_migrations()


def enter(connection: Connection, schema: str) -> None:
    """Make a schema the current one for DDL and for autogenerate, without waiting long for locks."""
    quoted = connection.dialect.identifier_preparer.quote(schema)
    path = quoted if schema == "public" else f"{quoted}, public"
    connection.exec_driver_sql(f"SET search_path TO {path}; SET lock_timeout TO '10s'")
    # shared models name their schema, so `public` must not pass as the unnamed default when they are compared
    connection.dialect.default_schema_name = "pg_catalog" if schema == "public" else schema


def import_models() -> None:
    """Import every feature's `models.py`: a comparison must not depend on who imported what before."""
    for path in sorted(PACKAGE.glob("*/**/models.py")):
        importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))


def settings_of(history: History, schema: str) -> dict[str, Any]:
    """Alembic's settings for a history, the same for running, comparing and reading heads."""
    import_models()
    plan = PLANS[history]
    return {
        "target_metadata": plan.metadata,
        "version_table": plan.version_table,
        "version_table_schema": schema if history is History.TENANT else None,
        "compare_type": True,
        "compare_server_default": False,
        "include_object": _is_ours,
        "include_schemas": history is History.SHARED,
        "include_name": _only_public if history is History.SHARED else None,
    }


def migration_context(connection: Connection, history: History, schema: str) -> MigrationContext:
    """Alembic's view of a database, to read its revision or compare it with the models."""
    enter(connection, schema)
    settings = settings_of(history, schema)
    return MigrationContext.configure(connection, opts=settings)


def _only_public(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "schema" or name == "public"


def _is_ours(_object: Any, name: str | None, kind: str, reflected: bool, _compare_to: Any) -> bool:  # noqa: FBT001
    versions = {plan.version_table for plan in PLANS.values()}
    return not (kind == "table" and reflected and name in NOT_OURS | versions | _seen_in_public(_object))


def _seen_in_public(table: Any) -> frozenset[str]:
    """Return shared tables that a tenant's path shows without their schema; they are another history's."""
    return frozenset() if table.schema else frozenset(t.name for t in SharedModel.metadata.tables.values())
