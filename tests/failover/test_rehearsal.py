"""Rehearsals of a real cluster: one that passes, ones that fail, break or are killed."""

import os
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest
from flask import Flask

from dashboard.backups import service as backups
from dashboard.backups.restoring.models import Restore
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.failover import jobs as failover_jobs
from dashboard.failover import queries, service
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.failover.rehearsal import copying, keeping, losing, source
from dashboard.failover.rehearsal.copying import root_of
from dashboard.failover.rehearsal.throw_away import APPLICATION, ThrowAwayServer, Tick
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.pace import Pace
from dashboard.jobs.relay import relay_once
from dashboard.jobs.runner import perform
from tests.cluster import Cluster, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster")]

WORKER = """
import sys
from dashboard.app import create_app
from dashboard.jobs.runner import perform
app = create_app()
with app.app_context():
    perform(sys.argv[1])
"""
STEPS = [
    *("choose", "copy", "catch_up", "cut", "pair", "write", "lose", "detect", "promote", "first_write"),
    *("checks", "tear_down"),
]
TOUCHED = f"""
SELECT (SELECT count(*) FROM pg_replication_slots WHERE temporary)
    + (SELECT count(*) FROM pg_stat_replication WHERE application_name = '{APPLICATION}')
"""


def rehearse() -> tuple[JobRun, Rehearsal]:
    """Ask for a rehearsal as the schedule does, work on it as the worker does."""
    asked = jobs.enqueue(queries.REHEARSE, actor=SYSTEM_ACTOR)
    perform(str(asked.id))
    db.session.expire_all()
    (row,) = db.session.query(Rehearsal).filter_by(run_id=asked.id)
    return job_queries.get_run(asked.id), row


def states(row: Rehearsal) -> dict[str, str]:
    """How each step ended."""
    return {step["name"]: step["state"] for step in row.steps}


def assert_nothing_is_left(settings: Settings, cluster: Cluster) -> None:
    """No server, no folder, no stream and no slot."""
    root = root_of(settings)
    assert list(root.glob("*")) == []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            assert not process.cwd().startswith(str(root.resolve()))
    for name in ("primary", "az-b", "dr"):
        assert cluster.sql(TOUCHED, on=name) == 0, name


def test_rehearsal_shows_that_a_standby_takes_over(
    rehearsed: Settings, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a cluster whose commits wait for a standby: not one acknowledged row may be lost."""
    monkeypatch.setattr(source, "is_synchronous", lambda _found: True)
    timeline = whole_cluster.sql("SELECT timeline_id FROM pg_control_checkpoint()")
    run, row = rehearse()
    assert (run.status, run.error) == ("succeeded", ""), run.traceback
    assert (row.status, row.error) == (Status.DONE, "")
    assert list(states(row)) == STEPS
    assert set(states(row).values()) == {"done"}
    assert row.outage_ms is not None
    assert 0 < row.outage_ms <= row.report["promised_ms"]
    assert row.report["probe"]["writes"] > losing.LEAST_WRITES
    assert row.report["source"]["name"] in {"az-b", "dr"}  # a standby spares the primary
    assert (row.timeline_before, row.timeline_after) == (timeline + 1, timeline + 2)
    assert row.report["synchronous"] is True
    assert (row.lost_rows, row.lost_bytes) == (0, 0)
    assert {check["status"] for check in row.report["checks"]} <= {"passed", "skipped"}
    assert {check["name"] for check in row.report["checks"]} >= {"server.amcheck", "server.pages"}
    assert whole_cluster.sql("SELECT timeline_id FROM pg_control_checkpoint()") == timeline
    assert_nothing_is_left(rehearsed, whole_cluster)
    proof = queries.find_proof()
    assert proof is not None
    assert proof.id == row.id


def test_standby_that_cannot_be_promoted_is_a_failover_that_fails(
    rehearsed: Settings, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pair = copying.pair

    def pair(made: copying.Copied, tick: Tick) -> None:
        make_pair(made, tick)
        made.new.crash()

    monkeypatch.setattr(copying, "pair", pair)
    run, row = rehearse()
    assert run.status == "failed"
    assert "The failover failed. The standby could not be promoted" in run.error
    assert row.status == Status.FAILED
    assert states(row)["promote"] == "failed"
    assert states(row)["tear_down"] == "done"
    assert queries.find_proof() is None
    assert_nothing_is_left(rehearsed, whole_cluster)


def test_rehearsal_without_room_is_broken_and_begins_nothing(
    rehearsed: Settings, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "free_bytes", lambda _root: 1000)
    run, row = rehearse()
    assert run.status == "failed"
    assert "Rehearsal broken. The disk of" in run.error
    assert (row.status, row.outage_ms) == (Status.BROKEN, None)
    assert "two copies of the cluster take" in row.error
    assert states(row) == {"choose": "failed", "tear_down": "done"}
    assert_nothing_is_left(rehearsed, whole_cluster)


def test_killed_rehearsal_leaves_nothing(
    app: Flask, rehearsed: Settings, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = jobs.enqueue(queries.REHEARSE, actor=SYSTEM_ACTOR)
    addresses = {
        **whole_cluster.layout.erp_urls(),
        "STEWARD_BACKUP_URL": whole_cluster.layout.backup_url(),
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(asked.id)], env={**os.environ, **addresses})
    try:
        wait_until(lambda: whole_cluster.sql(TOUCHED) > 0, 150, "the copy has not begun")
    finally:
        worker.kill()
        worker.wait()
    (row,) = db.session.query(Rehearsal).filter_by(run_id=asked.id)
    assert row.status == Status.RUNNING
    assert list(root_of(rehearsed).glob("*"))
    monkeypatch.setitem(app.config, "JOBS_PACE", Pace(lost_after=0))
    relay_once()
    swept = jobs.enqueue("failover.keep", actor=SYSTEM_ACTOR)
    perform(str(swept.id))
    db.session.expire_all()
    assert row.status == Status.BROKEN
    assert "died" in row.error
    wait_until(lambda: whole_cluster.sql(TOUCHED) == 0, 10, "the slot is still there")
    assert_nothing_is_left(rehearsed, whole_cluster)


def test_sweep_leaves_a_rehearsal_under_way_alone(rehearsed: Settings) -> None:
    row = service.open_run(Kind.REHEARSAL, actor=SYSTEM_ACTOR, run_id=None)
    mine = ThrowAwayServer(root_of(rehearsed) / f"{row.id}-old")
    mine.make_folder()
    run = jobs.enqueue(queries.REHEARSE, actor=SYSTEM_ACTOR)
    service.save(row, run_id=run.id)
    assert vars(keeping.sweep(rehearsed)) == {"closed": 0, "servers": 0}
    assert mine.folder.is_dir()
    service.save(row, run_id=None)
    assert vars(keeping.sweep(rehearsed)) == {"closed": 1, "servers": 1}
    assert not mine.folder.exists()


def test_without_a_login_that_may_replicate_the_latest_backup_is_restored(
    rehearsed: Settings, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = rehearsed.model_copy(update={"backup_url": None})
    monkeypatch.setattr(failover_jobs, "get_settings", lambda: alone)
    barman = backups.barman_of(alone)
    backups.back_up(
        barman, mode="full", on_line=lambda _line: None, on_phase=lambda *_: None, tick=lambda: None
    )
    backups.sync_catalogue(barman)
    db.session.commit()
    run, row = rehearse()
    assert (run.status, run.error) == ("succeeded", ""), run.traceback
    assert row.report["method"] == "backup"
    assert "no login that may replicate" in row.steps[0]["text"]
    assert list(states(row)) == [name for name in STEPS if name not in {"catch_up", "cut"}]
    assert set(states(row).values()) == {"done"}
    (restore,) = db.session.query(Restore)
    assert restore.status == "gone"
    assert_nothing_is_left(rehearsed, whole_cluster)
