"""Every history goes up, down and up again, has one head, and does not drift from the models."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from flask import Flask
from sqlalchemy import Connection, text

from dashboard.core.db import db
from dashboard.schema_migrations import service
from dashboard.schema_migrations.histories import PLANS, History, migration_context
from dashboard.schema_migrations.merging import advise

SCHEMAS = {History.CONTROL: "public", History.SHARED: "public", History.TENANT: "tenant_acme"}
TABLES = text("SELECT count(*) FROM pg_tables WHERE schemaname = :schema AND tablename NOT LIKE '%version'")


@pytest.fixture(params=list(History))
def history(request: pytest.FixtureRequest) -> History:
    """Each of the three."""
    chosen: History = request.param
    return chosen


@pytest.fixture
def connection(app: Flask, history: History) -> Iterator[Connection]:
    """A direct connection whose work is undone."""
    with db.engines[PLANS[history].bind].connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def test_a_history_has_one_head(app: Flask, history: History) -> None:
    assert len(service.heads(history)) == 1, advise(history, service.heads(history))


def test_models_and_migrations_do_not_drift(connection: Connection, history: History) -> None:
    context = migration_context(connection, history, SCHEMAS[history])
    assert compare_metadata(context, PLANS[history].metadata) == []


def test_a_history_goes_down_and_up_again(connection: Connection, history: History) -> None:
    schema = SCHEMAS[history]
    if (
        history is History.SHARED
    ):  # the triggers of tenants, spares and the template need the shared functions
        for schema_name in connection.scalars(text("SELECT schema_name FROM public.schema_head")).all():
            connection.exec_driver_sql(f"DROP SCHEMA {schema_name} CASCADE")
    before = connection.scalar(TABLES, {"schema": schema})
    service.downgrade(connection, history, schema)
    assert connection.scalar(TABLES, {"schema": schema}) == 0
    assert service.upgrade(connection, history, schema)
    assert connection.scalar(TABLES, {"schema": schema}) == before


def test_a_second_upgrade_finds_nothing_to_do(connection: Connection, history: History) -> None:
    assert not service.upgrade(connection, history, SCHEMAS[history])


def test_a_second_migrator_is_refused_instead_of_waiting(app: Flask) -> None:
    with (
        service.locked_connection("owner"),
        pytest.raises(service.MigrationError, match="Another migration"),
        service.locked_connection("owner"),
    ):
        pass
