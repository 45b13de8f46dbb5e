"""What drills are tested with: a tenant on the whole cluster, one backup of it, and a hand that cleans up."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from dashboard.backups import service as backups
from dashboard.backups.drills import jobs as drill_jobs
from dashboard.backups.drills.canary import write_canary
from dashboard.backups.restoring.service import scratch_root
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History
from dashboard.servers.scratch import list_scratch_servers
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.service import create_tenant
from tests.cluster import Cluster

TABLES = (
    "verification",
    "drill",
    "restore",
    "job_run",
    "reading",
    "metric_round",
    "metric_position",
    "backup",
)
DROP = """
DROP SCHEMA tenant_drilled CASCADE; DELETE FROM public.tenant WHERE slug = 'drilled';
DROP OWNED BY tenant_drilled; DROP ROLE tenant_drilled;
"""


@pytest.fixture(scope="module")
def drilled(app: Flask, cluster: Cluster, settings: Settings) -> Iterator[Settings]:
    """Settings of a cluster with one tenant, `drilled`, and a table beside it."""
    urls = cluster.layout.erp_urls()
    owner = create_engine(urls["DATABASE_DIRECT_URL"].replace("postgresql://", "postgresql+psycopg2://"))
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(db.engines, "owner", owner)
        with owner.begin() as connection:
            migrations.upgrade(connection, History.SHARED)
        create_tenant("Drilled")
    # Frozen and left alone: replaying WAL must not mend a page that a test has damaged in the backup.
    cluster.sql("CREATE TABLE ledger (n int PRIMARY KEY, words text) WITH (autovacuum_enabled = off)")
    cluster.sql("INSERT INTO ledger SELECT n, repeat('x', 200) FROM generate_series(1, 900) n")
    cluster.sql("VACUUM (FREEZE, ANALYZE) ledger")
    write_canary(urls["DATABASE_DIRECT_URL"])
    observed = cluster.settings(settings)
    yield observed.model_copy(update={"database_direct_url": urls["DATABASE_DIRECT_URL"]})
    owner.dispose()
    cluster.sql("DROP TABLE ledger")
    for statement in filter(str.strip, DROP.split(";")):
        cluster.sql(statement)
    tenancy.forget()


@pytest.fixture(scope="module")
def backup_id(app: Flask, drilled: Settings) -> Iterator[str]:
    """A full backup of that cluster; the evidence of the module's drills is forgotten at its end."""
    with app.app_context():
        made = backups.back_up(
            backups.barman_of(drilled),
            mode="full",
            on_line=lambda _line: None,
            on_phase=lambda *_: None,
            tick=lambda: None,
        )
    yield made
    with app.app_context(), control_transaction() as session:
        for table in TABLES:
            session.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def drill_settings(
    app: Flask,
    whole_cluster: Cluster,
    drilled: Settings,
    backup_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """Let the jobs see the cluster and the catalogue; leave no scratch server behind."""
    monkeypatch.setattr(drill_jobs, "get_settings", lambda: drilled)
    with app.app_context():
        backups.sync_catalogue(backups.barman_of(drilled))
        db.session.commit()
        yield drilled
        db.session.remove()
    for server in list_scratch_servers(scratch_root(drilled)):
        with suppress(OSError):
            server.remove()
