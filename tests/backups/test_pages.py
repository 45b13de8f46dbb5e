"""The backups page and its button."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.backups import queries, reviewing, service
from dashboard.backups.models import Backup
from dashboard.health.service import store_reading
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.store import control_transaction

Login = Callable[..., FlaskClient]
NOW = datetime.now(UTC)


@pytest.fixture
def asked_for(app: Flask) -> Iterator[None]:
    """Remove what the button commits on its own connection, outside the test's transaction."""
    yield
    with control_transaction() as session:
        session.execute(delete(JobRun).where(JobRun.job == queries.BACK_UP))


def add_backup(control: Session, backup_id: str, **changes: Any) -> Backup:
    values: dict[str, Any] = {
        "server": "main",
        "backup_id": backup_id,
        "kind": "full",
        "status": "DONE",
        "begin_at": NOW - timedelta(minutes=31),
        "end_at": NOW - timedelta(minutes=30),
        "size_bytes": 5_000_000,
        "begin_wal": "000000010000000000000002",
        "end_wal": "000000010000000000000003",
    }
    backup = Backup(**(values | changes))
    control.add(backup)
    control.commit()
    return backup


def add_run(control: Session, status: RunStatus, **changes: Any) -> JobRun:
    values: dict[str, Any] = {
        "job": queries.BACK_UP,
        "title": "Back up now",
        "args": {},
        "queue": "database",
        "status": status,
        "actor": "schedule",
    }
    run = JobRun(**(values | changes))
    control.add(run)
    control.commit()
    return run


def test_catalogue_shows_size_duration_and_wal_range(control: Session, login: Login) -> None:
    add_backup(control, "20260101T000000")
    add_backup(control, "20260101T010000", kind="incremental", parent_id="20260101T000000")
    add_backup(control, "20250101T000000", gone_at=NOW)
    html = login("dba").get("/database/backups/").text
    assert "000000010000000000000002" in html
    assert "4.8\N{NO-BREAK SPACE}MiB" in html
    assert "1\N{NO-BREAK SPACE}min" in html
    assert "on 20260101T000000" in html
    assert "20250101T000000" not in html


def test_button_asks_for_a_job_and_shows_its_run(asked_for: None, control: Session, login: Login) -> None:
    browser = login("dba")
    answer = browser.post("/database/backups/run")
    run = control.scalar(select(JobRun).where(JobRun.job == queries.BACK_UP))
    assert run is not None
    assert answer.status_code == 302
    assert str(run.id) in answer.location


def test_second_press_shows_the_backup_that_is_under_way(control: Session, login: Login) -> None:
    first = add_run(control, RunStatus.RUNNING, progress_done=2, progress_total=6, progress_text="Copying")
    browser = login("dba")
    assert str(first.id) in browser.post("/database/backups/run").location
    assert "Copying" in browser.get("/database/backups/").text


def test_manager_can_neither_see_nor_back_up(login: Login) -> None:
    browser = login("manager", tenant="acme")
    assert browser.get("/database/backups/").status_code == 403
    assert browser.post("/database/backups/run").status_code == 403


def test_last_failure_is_shown_with_its_reason_until_a_backup_goes_well(
    control: Session, login: Login
) -> None:
    add_run(control, RunStatus.FAILED, error="No space left on device", finished_at=NOW)
    assert "No space left on device" in login("dba").get("/database/backups/").text
    assert "No space left" in reviewing.card("main").text or reviewing.card("main").status == "unknown"
    add_backup(control, "20260101T000000", end_at=NOW + timedelta(seconds=1))
    assert queries.find_failure("main") is None


def test_failure_of_a_backup_made_by_hand_is_found_in_the_catalogue(control: Session, app: Flask) -> None:
    add_backup(control, "20260101T000000")
    add_backup(control, "20260101T020000", status="FAILED", error="terminated", begin_at=None, end_at=None)
    failure = queries.find_failure("main")
    assert failure is not None
    assert failure.reason == "terminated"
    assert (failure.at.year, failure.run) == (2026, None)


def test_unreadable_repository_is_said_and_the_catalogue_stays(control: Session, login: Login) -> None:
    add_backup(control, "20260101T000000")
    store_reading(queries.REPOSITORY, {}, "Barman is not set up: STEWARD_BARMAN_CONFIG is empty.", every=60)
    control.commit()
    html = login("dba").get("/database/backups/").text
    assert "The backup repository cannot be read." in html
    assert "STEWARD_BARMAN_CONFIG" in html
    assert "20260101T000000" in html


def repository(control: Session, *, passed: bool = True, **window: Any) -> None:
    checks = [{"name": "wal level", "passed": passed, "hint": ""}]
    data = {"version": "3", "checks": checks, "window": {"has_gap": False, "last_wal": None} | window}
    store_reading(queries.REPOSITORY, data, every=60)
    control.commit()


def test_window_with_a_gap_and_failed_checks_are_said(control: Session, login: Login) -> None:
    add_backup(control, "20260101T000000")
    repository(control, passed=False, from_at=NOW.isoformat(), until_at=NOW.isoformat(), has_gap=True)
    html = login("dba").get("/database/backups/").text
    assert "has a gap" in html
    assert "Wal level" in html
    card = reviewing.card("main")
    assert (card.status, card.text) == ("critical", "Barman's checks fail: wal level.")


@pytest.mark.parametrize(("minutes", "status"), [(5, "ok"), (90, "critical")])
def test_rpo_is_judged_by_the_last_restorable_moment(app: Flask, minutes: int, status: str) -> None:
    promise = reviewing.promises("main", {"until_at": datetime.now(UTC) - timedelta(minutes=minutes)}, None)[
        0
    ]
    assert promise.status == status


def test_card_does_not_call_a_missed_rpo_fine(app: Flask, control: Session) -> None:
    add_backup(control, "20260101T000000")
    begin, end = NOW - timedelta(hours=5), NOW - timedelta(hours=2)
    repository(control, from_at=begin.isoformat(), until_at=end.isoformat())
    card = reviewing.card("main")
    assert card.status == "critical"
    assert card.text.startswith("RPO missed: the repository's WAL ends 2")


def test_gap_before_every_full_backup_leaves_nothing_to_restore_to(control: Session, login: Login) -> None:
    add_backup(control, "20260101T000000")
    repository(control, has_gap=True)
    html = login("dba").get("/database/backups/").text
    assert "has a gap" in html
    assert "The window begins with the first full backup" not in html
    assert (reviewing.card("main").status, reviewing.card("main").text[:26]) == (
        "critical",
        "The repository's WAL has a",
    )


def test_window_that_is_not_open_yet_is_not_shown_as_one(control: Session, login: Login) -> None:
    add_backup(control, "20260101T000000")
    repository(control, from_at=NOW.isoformat(), until_at=(NOW - timedelta(seconds=1)).isoformat())
    assert "not open yet" in login("dba").get("/database/backups/").text
    assert "opens with the next archived WAL file" in reviewing.card("main").text


def test_nothing_measured_is_no_data_and_never_fine(app: Flask, control: Session) -> None:
    rpo, rto, fresh = reviewing.promises("main", {}, None)
    assert (rpo.headline, rto.headline, fresh.headline) == (None, None, None)
    assert "ok" not in {rpo.status, rto.status, fresh.status}
    repository(control)
    assert reviewing.card("main").headline == "No backup yet"


def test_late_backup_warns(control: Session, app: Flask) -> None:
    late = add_backup(control, "20260101T000000", end_at=NOW - timedelta(hours=4), begin_at=None)
    assert reviewing.promises("main", {}, late)[2].status == "warning"
    assert late.duration is None


def test_first_backup_is_asked_for_once(control: Session, app: Flask) -> None:
    assert service.needs_first_backup("main")
    run = add_run(control, RunStatus.QUEUED)
    assert not service.needs_first_backup("main")
    run.status = RunStatus.FAILED
    control.commit()
    assert not service.needs_first_backup("main")  # it is tried again after ten minutes
    run.enqueued_at = NOW - timedelta(minutes=11)
    control.commit()
    assert service.needs_first_backup("main")
    add_backup(control, "20260101T000000")
    assert not service.needs_first_backup("main")


def summaries(value: str) -> None:
    store_reading("health.inventory", {"settings": [{"name": "summarize_wal", "value": value}]})


def test_hourly_backups_are_incremental_between_daily_full_ones(control: Session, app: Flask) -> None:
    assert service.parent_for("main", "auto", NOW) == ""
    assert service.parent_for("main", "incremental", NOW) == ""
    add_backup(control, "20260101T000000")
    assert service.parent_for("main", "auto", NOW) == ""  # the server is not known to summarise WAL
    summaries("on")
    assert service.parent_for("main", "auto", NOW) == "latest"
    assert service.parent_for("main", "full", NOW) == ""
    assert service.parent_for("main", "incremental", NOW) == "latest"
    assert service.parent_for("main", "auto", NOW + timedelta(hours=25)) == ""
    add_run(control, RunStatus.FAILED, error="x", finished_at=NOW)
    assert service.parent_for("main", "auto", NOW) == ""  # the chain may be what failed
