"""Restores as jobs do them: killed workers, expiry, servers that ended with the stack."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.backups import service as backups
from dashboard.backups.restoring import jobs as restore_jobs
from dashboard.backups.restoring import queries, service, upkeep
from dashboard.backups.restoring.models import Restore, RestorePoint
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun, RunStatus
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.servers.scratch import ScratchServer
from tests.backups.restoring.conftest import Make
from tests.cluster import Cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.commits,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.usefixtures("cleaned", "wiped"),
]
# A worker in a process of its own, so that it can be killed.
WORKER = (
    "import sys\n"
    "from dashboard.app import create_app\n"
    "from dashboard.jobs.registry import import_jobs\n"
    "from dashboard.jobs.runner import perform\n"
    "app = create_app()\n"
    "import_jobs()\n"
    "with app.app_context():\n"
    "    perform(sys.argv[1])\n"
)


@pytest.fixture
def wiped(app: Flask, observed: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the jobs see the cluster; remove afterwards what they committed."""
    monkeypatch.setattr(restore_jobs, "get_settings", lambda: observed)
    with app.app_context():
        yield
        db.session.remove()
        with control_transaction() as session:
            for table in ("restore", "restore_point", "job_run", "reading", "backup"):
                session.execute(text(f"DELETE FROM {table}"))


def done(job: str, /, **args: object) -> JobRun:
    """Ask for a job, do it, return its run."""
    run = jobs.enqueue(job, args, actor=SYSTEM_ACTOR)
    perform(str(run.id))
    db.session.rollback()
    return job_queries.get_run(run.id)


def only_restore() -> Restore:
    db.session.rollback()
    found = db.session.scalars(select(Restore).order_by(Restore.id.desc())).first()
    assert found is not None
    return found


def test_a_job_restores_the_server_lives_on_and_goes_when_its_time_is_up(
    make: Make, whole_cluster: Cluster, observed: Settings, control: Session
) -> None:
    make()
    db.session.commit()
    made = done("backups.create_restore_point", name="before-import", reason="prices")
    assert (made.status, made.error) == ("succeeded", "")
    point = db.session.scalar(select(RestorePoint))
    assert point is not None
    assert point.name == "before-import"

    run = done(queries.RESTORE, kind="latest", hours=2)
    assert (run.status, run.error, run.progress_done) == ("succeeded", "", 100), run.traceback
    restore = only_restore()
    assert run.result is not None
    assert run.result["restore"] == restore.id
    server = service.find_scratch(restore)
    assert server is not None
    assert server.promoted()

    server.stop()  # as the stack does when it ends
    assert done("backups.sweep_restores").result == {"left": 0, "expired": 0, "restarted": 1, "folders": 0}
    assert server.promoted()
    stray = ScratchServer(service.scratch_root(observed) / "999")
    stray.make_folder()
    restore = only_restore()
    restore.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    db.session.commit()
    assert done("backups.sweep_restores").result == {"left": 0, "expired": 1, "restarted": 0, "folders": 1}
    restore = only_restore()
    assert (restore.status, restore.reason) == ("gone", upkeep.EXPIRED)
    assert not server.folder.exists()
    assert not stray.folder.exists()


def test_a_killed_worker_leaves_nothing_half_made(
    make: Make, whole_cluster: Cluster, observed: Settings, tmp_path: Path
) -> None:
    make()
    db.session.commit()
    run = jobs.enqueue(queries.RESTORE, {}, actor=SYSTEM_ACTOR)
    environment = {
        **os.environ,
        "STEWARD_BARMAN_CONFIG": str(observed.barman_config),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(run.id)], env=environment, stdout=log, stderr=log
        )
    restore = wait_for_fetching(worker)
    folder = Path(restore.folder)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert only_restore().is_under_way
    assert folder.exists()

    assert done("backups.sweep_restores").result == {"left": 0, "expired": 0, "restarted": 0, "folders": 0}
    with control_transaction() as session:  # the relay does it after some missed heartbeats
        session.get_one(JobRun, run.id).status = RunStatus.LOST
    swept = done("backups.sweep_restores").result
    assert swept is not None
    assert swept["left"] == 1
    restore = only_restore()
    assert (restore.status, restore.reason) == ("failed", upkeep.LEFT)
    assert not folder.exists()
    assert [process for process in psutil.process_iter() if str(folder) in _command(process)] == []


def wait_for_fetching(worker: "subprocess.Popen[bytes]") -> Restore:
    """Wait until Barman writes into the folder."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert worker.poll() is None, "the worker ended by itself"
        db.session.rollback()
        found = db.session.scalars(select(Restore)).first()
        if found is not None and found.folder and (Path(found.folder) / "data").exists():
            return found
        time.sleep(0.05)
    raise AssertionError("no restore was begun within 60 s")


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_a_server_that_is_lost_or_broken_is_given_up_and_a_folder_can_be_torn_down(
    observed: Settings, app: Flask
) -> None:
    root = service.scratch_root(observed)
    rows = [
        Restore(server="main", actor="x", status="ready", folder=str(root / "1001")),
        Restore(server="main", actor="x", status="ready", folder=str(root / "1002")),
        Restore(server="main", actor="x", status="preparing", folder=str(root / "1003")),
    ]
    broken = ScratchServer(root / "1002")
    broken.make_folder()
    broken.data.mkdir()
    rows[2].created_at = datetime.now(UTC) - upkeep.LONGEST - timedelta(minutes=1)
    db.session.add_all(rows)
    db.session.commit()
    numbers = [row.id for row in rows]
    swept = upkeep.sweep(db.session(), observed)
    db.session.commit()
    assert swept.left == 1
    lost, half, late = (queries.get_restore(number) for number in numbers)
    assert (lost.status, lost.reason) == ("failed", upkeep.AWAY)
    assert half.reason.startswith("It does not start again: ")
    assert (late.status, late.reason) == ("failed", upkeep.LEFT)
    assert not broken.folder.exists()
    assert done(queries.TEAR_DOWN, restore_id=numbers[0]).status == "succeeded"
    assert done(queries.RESTORE, backup_id="20010101T000000").status == "failed"
    assert backups.barman_of(observed).server == "main"
