"""Backing up as the worker does it: the first backup by itself, then one that a person asked for."""

import shutil
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select, text

from dashboard.backups import jobs as backup_jobs
from dashboard.backups import queries
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from tests.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster")]


@pytest.fixture(autouse=True)
def cluster_settings(
    app: Flask, whole_cluster: Cluster, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let the jobs see the cluster; remove afterwards what they committed."""
    observed = whole_cluster.settings(settings)
    monkeypatch.setattr(backup_jobs, "get_settings", lambda: observed)
    with app.app_context():
        yield
        db.session.remove()
        with control_transaction() as session:
            for table in ("job_run", "reading", "backup"):
                session.execute(text(f"DELETE FROM {table}"))


def test_first_backup_is_asked_for_by_itself_and_made(whole_cluster: Cluster) -> None:
    for kept in ("base", "meta"):  # Barman itself keeps the last one: minimum_redundancy
        shutil.rmtree(whole_cluster.layout.barman / "main" / kept, ignore_errors=True)
    for name in ("backups.cron", "backups.sync_catalogue"):
        run = service.enqueue(name, actor=SYSTEM_ACTOR)
        perform(str(run.id))
        done = job_queries.get_run(run.id)
        assert (done.status, done.error) == ("succeeded", ""), done.traceback
        assert "error" not in (done.result or {})
    asked = db.session.scalar(select(JobRun).where(JobRun.job == queries.BACK_UP))
    assert asked is not None
    perform(str(asked.id))
    asked = job_queries.get_run(asked.id)
    assert (asked.status, asked.progress_done, asked.error) == ("succeeded", 6, "")
    assert asked.result is not None
    assert asked.result["size_bytes"] > 0
    log = [line.text for line in job_queries.list_logs(asked.id)]
    assert any(line.startswith("Backup completed") for line in log)
    newest = queries.find_newest("main")
    assert newest is not None
    assert newest.backup_id == asked.result["backup_id"]
