"""What rehearsals are tested with: a tenant one revision behind on the whole cluster, and a backup of it."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import create_engine, text

from dashboard.backups import service as backups
from dashboard.backups.restoring.service import scratch_root
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.fleet.models import FleetPlan
from dashboard.schema_migrations.fleet.steps import Step, as_rows, hash_of
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.rehearsal import jobs as rehearsal_jobs
from dashboard.servers.scratch import list_scratch_servers
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.service import create_tenant
from tests.cluster import Cluster

SCHEMA = "tenant_rehearsed"
TABLES = (
    "rehearsal",
    "fleet_plan",
    "restore",
    "job_run",
    "reading",
    "metric_round",
    "metric_position",
    "backup",
)
DROP = f"""
DROP SCHEMA {SCHEMA} CASCADE; DELETE FROM public.tenant WHERE slug = 'rehearsed';
DROP OWNED BY {SCHEMA}; DROP ROLE {SCHEMA};
"""
MakePlan = Callable[..., int]


@pytest.fixture(scope="module")
def revisions(app: Flask) -> tuple[str, str]:
    """The code's head of the tenants' history and the revision before it."""
    with app.app_context():
        scripts = ScriptDirectory.from_config(migrations.config_of(History.TENANT))
        (head,) = scripts.get_heads()
        return head, str(scripts.get_revision(head).down_revision)


@pytest.fixture(scope="module")
def rehearsed(
    app: Flask, cluster: Cluster, settings: Settings, revisions: tuple[str, str]
) -> Iterator[Settings]:
    """Settings of a cluster with one tenant, a revision behind, and two rows alike; and its backup."""
    urls = cluster.layout.erp_urls()
    owner = create_engine(urls["DATABASE_DIRECT_URL"].replace("postgresql://", "postgresql+psycopg2://"))
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(db.engines, "owner", owner)
        with owner.begin() as connection:
            migrations.upgrade(connection, History.SHARED)
        create_tenant("Rehearsed")
        with owner.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
            migrations.upgrade(connection, History.TENANT, SCHEMA, to=revisions[1])
            connection.exec_driver_sql(
                f"CREATE TABLE {SCHEMA}.twin AS SELECT 1 AS n FROM generate_series(1, 2)"
            )
        observed = cluster.settings(settings).model_copy(
            update={"database_direct_url": urls["DATABASE_DIRECT_URL"]}
        )
        barman = backups.barman_of(observed)
        backups.back_up(
            barman, mode="full", on_line=lambda _line: None, on_phase=lambda *_: None, tick=lambda: None
        )
    yield observed
    owner.dispose()
    for statement in filter(str.strip, DROP.split(";")):
        cluster.sql(statement)
    tenancy.forget()
    with app.app_context(), control_transaction() as session:
        for table in TABLES:
            session.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def rehearsal_settings(
    app: Flask, whole_cluster: Cluster, rehearsed: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Let the job see the cluster and the catalogue; leave no scratch server behind."""
    monkeypatch.setattr(rehearsal_jobs, "get_settings", lambda: rehearsed)
    with app.app_context():
        backups.sync_catalogue(backups.barman_of(rehearsed))
        db.session.commit()
        yield rehearsed
        db.session.remove()
    for server in list_scratch_servers(scratch_root(rehearsed)):
        with suppress(OSError):
            server.remove()


@pytest.fixture
def make_plan() -> MakePlan:
    """Write a plan of these steps, and return its id."""

    def make(*steps: Step) -> int:
        plan = FleetPlan(
            to_revision=steps[-1].reaches,
            sql_hash=hash_of(steps),
            steps=as_rows(steps),
            actor="dba@example.com",
        )
        with control_transaction() as session:
            session.add(plan)
            session.flush()
            return plan.id

    return make
