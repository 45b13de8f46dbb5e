"""The tenant history makes exactly what the models say, and can be taken back."""

from alembic.autogenerate import compare_metadata
from sqlalchemy import CheckConstraint, text

from dashboard.core.db import TenantModel, db
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History, migration_context
from dashboard.tenancy.models import TenantRef

LEFT = text(
    "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = :schema"
    " AND relname NOT LIKE '%alembic_version%' AND relkind <> 't'"
    " UNION SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = :schema"
)
CHECKS = text(
    "SELECT conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace"
    " WHERE nspname = :schema AND contype = 'c'"
)


def test_models_and_migrations_agree(acme: TenantRef) -> None:
    with db.engines["owner"].connect() as connection:
        context = migration_context(connection, History.TENANT, acme.schema)
        found = compare_metadata(context, TenantModel.metadata)
        assert not found, [str(each)[:200] for each in found]
        stored = set(connection.scalars(CHECKS, {"schema": acme.schema}))
    declared = {
        str(constraint.name)
        for table in TenantModel.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert declared == stored


def test_taking_the_history_back_leaves_nothing(acme: TenantRef) -> None:
    with db.engines["owner"].connect() as connection:
        transaction = connection.begin()
        migrations.downgrade(connection, History.TENANT, acme.schema)
        assert connection.scalars(LEFT, {"schema": acme.schema}).all() == []
        migrations.upgrade(connection, History.TENANT, acme.schema)
        transaction.rollback()
