"""Rehearsals of real plans on a real backup: one that passes, one that the data refuse, a killed worker."""

import os
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory
from flask import Flask, render_template

from dashboard.backups.restoring.service import scratch_root
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.pace import Pace
from dashboard.jobs.relay import relay_once
from dashboard.jobs.runner import perform
from dashboard.schema_migrations.fleet.models import FleetPlan
from dashboard.schema_migrations.fleet.rendering import render
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.rehearsal import queries
from dashboard.schema_migrations.rehearsal.models import Rehearsal
from tests.cluster import Cluster, wait_until
from tests.schema_migrations.rehearsal.conftest import SCHEMA, MakePlan

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster")]

WORKER = """
import sys
from dashboard.app import create_app
from dashboard.jobs.runner import perform
app = create_app()
with app.app_context():
    perform(sys.argv[1])
"""


def rehearse(plan_id: int) -> tuple[JobRun, Rehearsal]:
    """Ask for a rehearsal as the button does, work on it as the worker does."""
    asked = jobs.enqueue(queries.JOB, {"plan_id": plan_id}, actor=SYSTEM_ACTOR)
    perform(str(asked.id))
    return job_queries.get_run(asked.id), find(asked)


def find(asked: JobRun) -> Rehearsal:
    """The evidence of a run, read anew."""
    db.session.remove()
    (row,) = db.session.query(Rehearsal).filter_by(job_run_id=asked.id)
    return row


def page(app: Flask, plan_id: int) -> str:
    """The part of the plan's page that tells of rehearsals."""
    plan = db.session.get(FleetPlan, plan_id)
    assert plan is not None
    with app.test_request_context("/database/migrations/plans/1"):
        template = "schema_migrations/rehearsal/_results.html"
        return " ".join(render_template(template, rehearsals=queries.rehearsals_of(plan)).split())


def test_a_plan_passes_with_its_times_and_the_locks_it_takes(
    app: Flask,
    rehearsal_settings: Settings,
    whole_cluster: Cluster,
    make_plan: MakePlan,
    revisions: tuple[str, str],
) -> None:
    head, before = revisions
    steps = render(ScriptDirectory(History.TENANT.directory), before, head)
    last = len(steps)
    plan_id = make_plan(
        *steps,
        Step(last, "soon", True, ("ALTER TABLE twin ADD COLUMN note text",), None),
        Step(last + 1, "soon", False, ("CREATE INDEX CONCURRENTLY ix_twin ON twin (n)",), "soon"),
    )
    assert "Not rehearsed yet" in page(app, plan_id)
    run, row = rehearse(plan_id)
    assert (row.outcome, row.reason) == ("passed", ""), row.schemas
    assert run.status == "succeeded"
    (tried,) = row.schemas
    assert (tried["schema"], tried["revision"], tried["error"]) == (SCHEMA, before, {})
    assert [step["step"] for step in tried["steps"]] == list(range(last + 2))
    assert all(step["milliseconds"] > 0 and step["wal_bytes"] > 0 for step in tried["steps"])
    assert ("twin", "ACCESS EXCLUSIVE") in {
        (lock["relation"], lock["mode"]) for lock in tried["steps"][last]["locks"]
    }
    assert whole_cluster.sql(f"SELECT version_num FROM {SCHEMA}.alembic_version") == before
    assert whole_cluster.sql("SELECT count(*) FROM pg_class WHERE relname = 'ix_twin'") == 0
    assert list(scratch_root(rehearsal_settings).iterdir()) == []
    shown = page(app, plan_id)
    assert "Passed" in shown
    assert "ACCESS EXCLUSIVE" in shown
    plan = db.session.get(FleetPlan, plan_id)
    assert plan is not None
    assert queries.find_passed(plan) is not None
    plan.sql_hash = "of other SQL"
    assert queries.find_passed(plan) is None, "what was rehearsed is not what would run"
    assert "it does not count" in page(app, plan_id)
    db.session.rollback()


def test_data_that_refuse_a_plan_are_named_before_anybody_approves_it(
    app: Flask, rehearsal_settings: Settings, make_plan: MakePlan, revisions: tuple[str, str]
) -> None:
    unique = "ALTER TABLE twin ADD CONSTRAINT uq_twin UNIQUE (n)"
    head = revisions[0]
    reads_data = Step(0, head, True, (), head)
    plan_id = make_plan(reads_data, Step(1, "soon", True, ("SELECT 1", unique), "soon"))
    run, row = rehearse(plan_id)
    assert row.outcome == "failed"
    assert run.status == "failed"
    words = 'could not create unique index "uq_twin". Key (n)=(1) is duplicated.'
    assert row.reason == f"rehearsed: {words}"
    assert words in run.error
    (tried,) = row.schemas
    assert (tried["error"]["sql"], tried["error"]["statement"]) == (unique, 1)
    assert [step["error"] == {} for step in tried["steps"]] == [True, False]
    assert list(scratch_root(rehearsal_settings).iterdir()) == []
    shown = page(app, plan_id)
    assert "It failed." in shown
    assert "uq_twin" in shown


def test_a_rehearsal_whose_worker_was_killed_is_closed_and_its_scratch_removed(
    app: Flask,
    rehearsal_settings: Settings,
    whole_cluster: Cluster,
    make_plan: MakePlan,
    revisions: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Step(0, revisions[0], True, ("SELECT pg_sleep(60)",), revisions[0])
    asked = jobs.enqueue(queries.JOB, {"plan_id": make_plan(slow)}, actor=SYSTEM_ACTOR)
    addresses = {
        **whole_cluster.layout.erp_urls(),
        "STEWARD_BARMAN_CONFIG": str(whole_cluster.layout.barman_config),
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(asked.id)], env={**os.environ, **addresses})
    root = scratch_root(rehearsal_settings)
    try:
        wait_until(lambda: root.is_dir() and list(root.iterdir()), 60, "the restore has not begun")
    finally:
        worker.kill()
        worker.wait()
    assert find(asked).outcome == "running"
    monkeypatch.setitem(app.config, "JOBS_PACE", Pace(lost_after=0))
    relay_once()
    for sweeper in ("rehearsal.keep", "backups.sweep_restores"):
        swept = jobs.enqueue(sweeper, actor=SYSTEM_ACTOR)
        perform(str(swept.id))
        assert job_queries.get_run(swept.id).error == ""
    assert find(asked).outcome == "broken"
    assert "died" in find(asked).reason
    assert list(root.iterdir()) == []
