"""The daily copies: every kind is asked for, tenants by the setting, and only once each."""

import pytest
from flask import Flask
from sqlalchemy import select, text

from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.setup import EVERY, TENANTS
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from dashboard.schedule import SCHEDULES
from dashboard.settings.models import Setting
from dashboard.settings.registry import definition_of
from tests.backups.copies.places import Site, run_job, site

__all__ = ["site"]
pytestmark = [pytest.mark.commits]
ALWAYS = {"backups.copy_daily", "backups.dump_control", "backups.dump_database"} | {
    "backups.copy_files",
    "backups.copy_broker",
}


def asked() -> list[str]:
    """The jobs that were asked for, which are then forgotten."""
    with control_transaction() as session:
        names = list(session.scalars(select(JobRun.job)))
        session.execute(text("DELETE FROM job_run"))
    return names


def test_every_copy_is_asked_for_and_tenants_by_the_setting(site: Site, app: Flask) -> None:
    assert run_job("backups.copy_daily").status == "succeeded"
    names = asked()
    assert set(names) == ALWAYS | {"backups.dump_tenant"}
    assert names.count("backups.dump_tenant") >= 2
    with control_transaction() as session:
        session.add(Setting(key=TENANTS, value=0, owner="", note="", changed_by="x"))
    run_job("backups.copy_daily")
    assert set(asked()) == ALWAYS


def test_schedule_follows_its_setting() -> None:
    schedule = next(one for one in SCHEDULES if one.name == "copies.daily")
    assert (schedule.setting, schedule.cron) == (EVERY, definition_of(EVERY).default)


def test_copies_that_another_job_proves_or_that_are_gone_are_refused(site: Site) -> None:
    with control_transaction() as session:
        row = BackupCopy(kind=CopyKind.FILES, subject="x", status="done", details={"key": "x"}, actor="x")
        gone = BackupCopy(kind=CopyKind.CONTROL, subject="x", status="gone", details={"key": "x"}, actor="x")
        session.add_all([row, gone])
    assert "proven by its own job" in run_job("backups.prove_copy", {"copy_id": row.id}).error
    assert "is gone and cannot be read" in run_job("backups.prove_copy", {"copy_id": gone.id}).error
    assert "no such copy" in run_job("backups.prove_copy", {"copy_id": 999_999}).error


def test_dump_that_fails_says_why_and_does_not_count(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    away = site.settings.model_copy(
        update={"control_url": "postgresql+psycopg2://steward:pw@127.0.0.1:9/steward_control"}
    )
    monkeypatch.setattr("dashboard.backups.copies.daily.jobs.get_settings", lambda: away)
    done = run_job("backups.dump_control")
    assert done.status == "failed"
    assert "Connection refused" in done.error
    with control_transaction() as session:
        row = session.scalar(select(BackupCopy))
        assert row is not None
        assert (row.status, "Connection refused" in row.reason, row.proven_at) == ("failed", True, None)
