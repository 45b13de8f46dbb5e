"""Steps happen at most once, with their marker in the transaction of their effect."""

import os
import subprocess
import sys

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from dashboard import worker
from dashboard.core.config import CHECKOUT
from dashboard.core.db import db
from dashboard.jobs import queries, service
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.run import Run, RunCancelledError
from dashboard.jobs.store import persist
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.jobs.conftest import wait_for

pytestmark = pytest.mark.commits


def new_run(tenant: str | None = None) -> Run:
    return Run(service.enqueue("test.add", {"a": 1, "b": 1}, actor=SYSTEM_ACTOR, tenant=tenant))


def is_new(run: Run, key: str, *, external: bool = False) -> bool:
    with run.step(key, external=external) as step:
        return step.is_new


def test_a_step_is_new_once(jobs: Flask) -> None:
    run = new_run()
    assert [is_new(run, "a"), is_new(run, "a"), is_new(run, "b")] == [True, False, True]
    assert is_new(new_run(), "a"), "another run has its own steps"


def test_a_failed_step_leaves_no_marker(jobs: Flask) -> None:
    run = new_run()
    with pytest.raises(ZeroDivisionError), run.step("a"):
        raise ZeroDivisionError
    assert is_new(run, "a")


def test_a_step_with_outside_effects_is_never_repeated_even_when_it_failed(jobs: Flask) -> None:
    run = new_run()
    with pytest.raises(ZeroDivisionError), run.step("mail", external=True):
        raise ZeroDivisionError
    assert not is_new(run, "mail", external=True)


def test_a_step_of_a_tenant_is_marked_beside_its_records(jobs: Flask, acme: TenantRef) -> None:
    run = new_run("acme")
    with use_tenant(acme, actor=SYSTEM_ACTOR):
        assert [is_new(run, "a"), is_new(run, "a")] == [True, False]
    with db.engines["owner"].connect() as erp:
        marked = erp.execute(text("SELECT step FROM public.job_step WHERE run_id = :id"), {"id": run.id})
        assert marked.scalars().all() == ["a"]


def test_a_step_does_not_begin_once_the_run_was_cancelled(jobs: Flask) -> None:
    run = new_run()
    run.stop_with = RunCancelledError
    with pytest.raises(RunCancelledError):
        is_new(run, "a")
    with pytest.raises(RunCancelledError):
        run.progress(1, 2)
    run.progress(2, 2)  # too late: what was done is done, and the run says so


def test_a_write_is_repeated_until_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.jobs.store.PAUSE_SECONDS", 0.01)
    tries: list[int] = []

    def write() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("INSERT", {}, Exception("the server is starting"))
        return "written"

    assert persist(write) == "written"
    tries.clear()
    with pytest.raises(OperationalError):
        persist(write, patience=0)


def test_a_worker_for_an_unknown_queue_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert worker.main(["nowhere"]) == 2
    assert "There is no queue nowhere; there are default, records" in capsys.readouterr().err


def test_the_schedule_process_writes_its_list_ticks_and_stops_when_told(jobs: Flask) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.schedule"], cwd=CHECKOUT, env=os.environ.copy()
    )
    try:
        wait_for(queries.scheduler_age, "a tick", seconds=90)
        assert queries.find_schedule("jobs.prune")
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
