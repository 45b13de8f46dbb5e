"""Killing a worker, the broker or PostgreSQL in the middle loses no job and repeats no effect (JOB-5)."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.jobs import queries, service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.tenancy.models import TenantRef
from tests.conftest import Servers
from tests.jobs.conftest import StartWorker, file_written, kill_tree, wait_for, wait_until

# Processes killed with -9 leave no count of their lines behind; the tests beside this one count them.
pytestmark = [pytest.mark.commits, pytest.mark.slow, pytest.mark.no_cover]
TABLE = "job_test_effects (run text, step int, at timestamptz DEFAULT clock_timestamp())"


@pytest.fixture
def effects(jobs: Flask, acme: TenantRef) -> Iterator[None]:
    """A table without any unique constraint in both databases: a step counted twice would show."""
    names = {"control": "job_test_effects", "owner": f"{acme.schema}.job_test_effects"}
    for bind, name in names.items():
        with db.engines[bind].begin() as connection:
            connection.execute(text(f"CREATE TABLE {name} {TABLE.partition(' ')[2]}"))
    yield
    for bind, name in names.items():
        with db.engines[bind].begin() as connection:
            connection.execute(text(f"DROP TABLE {name}"))


def steps_counted(run: JobRun, tenant: TenantRef | None) -> list[int]:
    table = f"{tenant.schema}.job_test_effects" if tenant else "job_test_effects"
    with db.engines["owner" if tenant else "control"].connect() as connection:
        found = connection.execute(
            text(f"SELECT step FROM {table} WHERE run = :run ORDER BY at"), {"run": str(run.id)}
        )
        return [int(step) for step in found.scalars()]


def start_five_steps(tmp_path: Path, tenant: str | None = None) -> JobRun:
    flag = tmp_path / "third"
    run = service.enqueue("test.five_steps", {"file": str(flag)}, actor=SYSTEM_ACTOR, tenant=tenant)
    wait_for(lambda: file_written(flag), "the third step", seconds=60)
    return run


@pytest.mark.parametrize("slug", [None, "acme"])
def test_a_worker_killed_in_the_third_of_five_steps_is_replaced_and_each_step_counts_once(
    effects: None, acme: TenantRef, start_worker: StartWorker, tmp_path: Path, slug: str | None
) -> None:
    tenant = acme if slug else None
    worker = start_worker("records")
    run = start_five_steps(tmp_path, slug)
    kill_tree(worker.pid)
    start_worker("records")
    done = wait_until(run, "succeeded", seconds=60)
    assert (done.attempt, done.result) == (2, {"done": [3, 4, 5]})
    assert steps_counted(run, tenant) == [1, 2, 3, 4, 5]


def test_a_killed_worker_takes_its_work_horse_along(
    jobs: Flask, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker("default")
    flag = tmp_path / "started"
    service.enqueue("test.stubborn", {"file": str(flag)}, actor=SYSTEM_ACTOR)
    wait_for(lambda: file_written(flag), "started")
    (horse,) = psutil.Process(worker.pid).children()
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_for(
        lambda: not horse.is_running() or horse.status() == psutil.STATUS_ZOMBIE, "horse gone", seconds=10
    )


def test_a_run_that_may_not_be_repeated_fails_visibly_when_its_worker_is_killed(
    jobs: Flask, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker("database")
    flag = tmp_path / "started"
    run = service.enqueue("test.wait", {"resource": "disk", "file": str(flag)}, actor=SYSTEM_ACTOR)
    wait_for(lambda: file_written(flag), "started")
    kill_tree(worker.pid)
    start_worker("database")
    lost = wait_until(run, "lost", seconds=60)
    assert "died in the middle" in lost.error


def test_a_broker_killed_in_the_third_of_five_steps_loses_and_repeats_nothing(
    effects: None, servers: Servers, start_worker: StartWorker, tmp_path: Path
) -> None:
    """The job goes on without a broker; its worker finds the broker again and takes the next job."""
    worker = start_worker("records")
    run = start_five_steps(tmp_path)
    servers.valkey.kill()
    later = service.enqueue("test.five_steps", {"file": "/dev/null", "stop_at": 0}, actor=SYSTEM_ACTOR)
    time.sleep(6)  # the worker's own heartbeat meets the absent broker
    servers.valkey.start()
    assert worker.poll() is None
    kill_tree(worker.pid)
    start_worker("records")
    for each in (run, later):
        wait_until(each, "succeeded", seconds=60)
        assert steps_counted(each, None) == [1, 2, 3, 4, 5]


def test_a_worker_outlives_its_broker(jobs: Flask, servers: Servers, start_worker: StartWorker) -> None:
    worker = start_worker("default")
    wait_for(queries.list_workers, "the worker reports")
    servers.valkey.kill()
    run = service.enqueue("test.add", {"a": 1, "b": 1}, actor=SYSTEM_ACTOR)
    time.sleep(3)
    servers.valkey.start()
    wait_until(run, "succeeded", seconds=60)
    assert worker.poll() is None


def test_connections_cut_by_a_database_restart_do_not_end_a_run(
    effects: None, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker("records")
    run = start_five_steps(tmp_path)
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND usename = current_user"
    )
    db.session.remove()
    with db.engines["control"].connect() as control:
        control.execute(text(cut))
    db.engines["control"].dispose()
    kill = service.cancel(run.id, actor=SYSTEM_ACTOR)
    assert kill.cancel_requested
    wait_until(run, "cancelled", seconds=60)
    service.retry(run.id, actor=SYSTEM_ACTOR)
    wait_until(run, "succeeded", seconds=60)
    assert steps_counted(run, None) == [1, 2, 3, 4, 5]


def test_a_worker_told_to_stop_hands_its_long_job_over_after_a_grace(
    jobs: Flask, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker("default")
    flag = tmp_path / "started"
    run = service.enqueue("test.stubborn", {"file": str(flag)}, actor=SYSTEM_ACTOR)
    wait_for(lambda: file_written(flag), "started")
    worker.terminate()
    assert worker.wait(timeout=30) == 0
    start_worker("default")
    done = wait_until(run, "succeeded", seconds=60)
    assert done.result == {"attempt": 2}


def test_an_idle_worker_stops_at_once(jobs: Flask, start_worker: StartWorker) -> None:
    worker = start_worker("default", "probes")
    (state,) = wait_for(queries.list_workers, "the worker reports")
    assert state.queues == ("default", "probes")
    assert (queries.worker_heartbeat_age("probes") or 0) < 30
    assert queries.worker_heartbeat_age("database") is None
    worker.terminate()
    assert worker.wait(timeout=10) == 0


def test_a_job_deaf_to_everything_is_ended_by_its_worker(
    jobs: Flask, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker("default")
    start_worker("default")  # the one that relays while the other is busy
    flag = tmp_path / "deaf"
    run = service.enqueue("test.deaf", {"file": str(flag)}, actor=SYSTEM_ACTOR)
    wait_for(lambda: file_written(flag), "started")
    service.cancel(run.id, actor=SYSTEM_ACTOR)
    error = wait_until(run, "cancelled", seconds=60).error
    # on a crowded machine its heartbeat may fall silent first; either way it is over and said so
    assert "its process was ended" in error or "its worker was gone" in error
    wait_for(lambda: all(w.run is None for w in queries.list_workers()), "the worker is free", seconds=30)
