"""What rehearsals are tested with: the whole cluster with a login that may replicate, and a clean end."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.failover import jobs as failover_jobs
from dashboard.failover.rehearsal import keeping
from dashboard.failover.rehearsal.copying import root_of
from dashboard.jobs.store import control_transaction
from tests.cluster import Cluster

TABLES = ("failover", "restore", "backup", "job_run", "reading")


@pytest.fixture
def rehearsed(
    app: Flask, settings: Settings, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Settings of the cluster, which the jobs see too; what they commit and leave is removed."""
    known = {
        "database_direct_url": whole_cluster.layout.erp_urls()["DATABASE_DIRECT_URL"],
        "backup_url": whole_cluster.layout.backup_url(),
    }
    observed = whole_cluster.settings(settings).model_copy(update=known)
    monkeypatch.setattr(failover_jobs, "get_settings", lambda: observed)
    with app.app_context():
        yield observed
        db.session.remove()
        with control_transaction() as session:
            for table in TABLES:
                session.execute(text(f"DELETE FROM {table}"))
        keeping.sweep(observed)
    assert list(root_of(observed).glob("*")) == []
