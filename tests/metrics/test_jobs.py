"""The timed jobs of the figures as the worker runs them."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.registry import get_job
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.schedule import SCHEDULES

pytestmark = pytest.mark.commits
JOBS = (
    *("metrics.sample_minute", "metrics.sample_quarter"),
    *("metrics.keep_partitions", "metrics.roll_up"),
)
TABLES = (
    *("job_run", "metric_round", "metric_minute", "metric_half_hour", "metric_position"),
    *("metric_layout", "metric_source", "metric_progress"),
)
PARTS = (
    "SELECT format('DROP TABLE metric_parts.%I', relname) FROM pg_class"
    " WHERE relname ~ '^metric_.*_[0-9]{8}$' AND relkind = 'r'"
)


@pytest.fixture
def emptied(app: Flask) -> Iterator[None]:
    with app.app_context():
        empty()
        yield
        db.session.remove()
        empty()


def empty() -> None:
    with control_transaction() as session:
        for table in TABLES:
            session.execute(text(f"DELETE FROM {table}"))
        for statement in session.scalars(text(PARTS)).all():
            session.execute(text(statement))


def do(name: str) -> JobRun:
    run = service.enqueue(name, actor=SYSTEM_ACTOR)
    perform(str(run.id))
    found = db.session.get(JobRun, run.id)
    assert found is not None
    return found


def test_jobs_sample_roll_up_and_make_partitions(emptied: None) -> None:
    for name in JOBS:
        assert do(name).status == "succeeded", name
    with control_transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM metric_round")) == 2
        assert session.scalar(text("SELECT count(*) FROM metric_source WHERE error = ''")) == 2
        parts = session.scalar(text("SELECT count(*) FROM metric_parts.metric_round_default"))
    assert parts == 0  # moved to the partition of the day


@pytest.mark.parametrize("name", JOBS)
def test_job_is_timed_and_locked(name: str) -> None:
    assert name in {schedule.job for schedule in SCHEDULES}
    assert get_job(name).lock
