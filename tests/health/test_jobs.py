"""The jobs of the Database desk as the worker runs them."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.health.queries import get_reading
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.registry import get_job
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.schedule import SCHEDULES

pytestmark = pytest.mark.commits
TABLES = (
    "job_run",
    "reading",
    "metric_round",
    "metric_position",
    "backup",
    "server_message",
    "setting_change",
)
PROBES = (
    "health.probe_activity",
    "health.probe_statements",
    "health.probe_inventory",
    "health.probe_minute",
    "health.probe_storage",
    "health.probe_bloat",
    "health.probe_certificates",
    "replication.probe",
    "schema_migrations.read_heads",
)


@pytest.fixture(autouse=True)
def emptied(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.remove()
        with control_transaction() as session:
            for table in TABLES:
                session.execute(text(f"DELETE FROM {table}"))


def do(name: str) -> JobRun:
    run = service.enqueue(name, actor=SYSTEM_ACTOR)
    perform(str(run.id))
    found = db.session.get(JobRun, run.id)
    assert found is not None
    return found


@pytest.mark.parametrize("name", PROBES)
def test_probe_succeeds_and_its_reading_is_committed(name: str) -> None:
    assert do(name).status == "succeeded"
    with control_transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM reading WHERE error = ''")) >= 1


def test_minute_work_without_barman_fails_with_its_reason() -> None:
    found = do("backups.cron")
    assert found.status == "failed"
    assert "STEWARD_BARMAN_CONFIG" in found.error


def test_catalogue_job_without_barman_stores_the_reason_and_asks_for_no_backup() -> None:
    assert do("backups.sync_catalogue").status == "succeeded"
    reading = get_reading("backups.repository")
    assert reading is not None
    assert reading.is_failing


def test_back_up_without_barman_fails_visibly() -> None:
    found = do("backups.back_up")
    assert found.status == "failed"
    assert found.error.startswith("The backup failed. Barman is not set up")


@pytest.mark.parametrize("name", [*PROBES, "backups.cron", "backups.sync_catalogue", "backups.back_up"])
def test_job_is_timed_and_locked(name: str) -> None:
    assert name in {schedule.job for schedule in SCHEDULES}
    assert get_job(name).lock
