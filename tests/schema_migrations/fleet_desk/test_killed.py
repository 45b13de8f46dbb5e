"""A worker that is killed in the middle of a run: another one takes the run up, and nothing is done twice."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from dashboard.core.config import CHECKOUT
from dashboard.jobs import relay
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.fleet.models import FleetRun
from tests.cluster import wait_until
from tests.conftest import Servers
from tests.schema_migrations.fleet_desk.conftest import DATABASE
from tests.schema_migrations.fleet_desk.desk import Desk

pytestmark = [pytest.mark.commits, pytest.mark.slow]
RUNS = "/database/migrations/runs/"


@contextmanager
def dying_worker(servers: Servers, desk: Desk, job: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Let another process work on a job; it does not outlive the block."""
    urls = {key: url.replace("/erp_test", f"/{DATABASE}") for key, url in servers.environment.items()}
    program = [sys.executable, "-m", "tests.schema_migrations.fleet_desk.dying"]
    command = [*program, job, str(desk.ground.history.folder)]
    worker = subprocess.Popen(
        [*command, str(desk.ground.history.folder)], cwd=CHECKOUT, env=os.environ | urls
    )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


def count_done(desk: Desk, run_id: int) -> int:
    return list(desk.ground.statuses(run_id).values()).count("done")


def test_a_run_whose_worker_was_killed_goes_on_and_does_nothing_twice(desk: Desk, servers: Servers) -> None:
    desk.ground.settle(12)
    browser = desk.browser()
    run = desk.started(browser, desk.approved(browser), canary="tenant-01", waves="100", workers="2")
    run_id, job = run.id, str(run.job_run_id)
    with desk.ground.link() as held, held.cursor() as at:
        at.execute("BEGIN; LOCK TABLE tenant_07.item")
        with dying_worker(servers, desk, job):
            wait_until(lambda: count_done(desk, run_id) == 11, 120, "the others do not go on")
            html = browser.get(f"{RUNS}{run_id}/live").text
            assert 'class="fleet-cell is-waiting"' in html or "is-running" in html
        at.execute("ROLLBACK")
    with control_transaction() as session:
        session.execute(text("UPDATE job_run SET heartbeat_at = heartbeat_at - interval '1 hour'"))
    assert desk.newest(FleetRun).status == "running"
    relay.relay_once()
    done = desk.work(run)
    assert (done.status, done.attempt) == ("succeeded", 2), done.error
    assert desk.newest(FleetRun).status == "done"
    assert set(desk.ground.versions().values()) == {"a3"}
    assert set(desk.ground.applied().values()) == {1}
    assert desk.ground.invalid_indexes() == []
