"""The Restore page, a restore's page, and the forms on them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.backups import queries as catalogue
from dashboard.backups.models import Backup
from dashboard.backups.restoring import queries
from dashboard.backups.restoring.models import Restore, RestorePoint
from dashboard.health.service import store_reading
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.store import control_transaction

Login = Callable[..., FlaskClient]
PAGE = "/database/restores/"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def asked_for(app: Flask) -> Iterator[None]:
    """Remove what the buttons commit on their own connection."""
    yield
    with control_transaction() as session:
        names = (queries.RESTORE, queries.TEAR_DOWN, "backups.create_restore_point")
        session.execute(delete(JobRun).where(JobRun.job.in_(names)))


@pytest.fixture
def window(control: Session) -> None:
    """A backup that ended an hour ago, and WAL until a minute ago."""
    control.add(
        Backup(
            server="main",
            backup_id="20260101T000000",
            status="DONE",
            begin_at=NOW - timedelta(minutes=61),
            end_at=NOW - timedelta(minutes=60),
            begin_wal="000000010000000000000002",
        )
    )
    span = {
        "from_at": (NOW - timedelta(minutes=60)).isoformat(),
        "until_at": (NOW - timedelta(minutes=1)).isoformat(),
        "last_wal": "000000010000000000000007",
    }
    store_reading(catalogue.REPOSITORY, {"window": span, "checks": [], "version": "3"}, every=60)
    control.commit()


def add_restore(control: Session, **changes: Any) -> Restore:
    values: dict[str, Any] = {
        "server": "main",
        "backup_id": "20260101T000000",
        "actor": "dba@example.com",
        "status": "ready",
        "bytes_total": 2_000_000,
        "bytes_done": 2_000_000,
        "phases": {"fetch": 61.0, "replay": 2.0},
    }
    restore = Restore(**(values | changes))
    control.add(restore)
    control.commit()
    return restore


def last_asked(control: Session, job: str) -> JobRun | None:
    control.rollback()
    return control.scalar(select(JobRun).where(JobRun.job == job))


def test_an_empty_page_says_what_it_is_for_and_that_the_live_cluster_is_safe(login: Login) -> None:
    html = login("dba").get(PAGE).text
    assert "Nothing was restored yet" in html
    assert "The live cluster is never restored from here." in html
    assert "docs/runbooks/restore.md" in html


def test_the_picker_is_bounded_by_the_window_in_the_persons_zone(window: None, login: Login) -> None:
    html = login("dba").get(PAGE).text
    assert f'min="{NOW - timedelta(minutes=60):%Y-%m-%dT%H:%M:%S}"' in html
    assert f'max="{NOW - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"' in html


@pytest.mark.parametrize(
    ("minutes", "says"),
    [(90, "The first moment one can restore to is"), (-600, "in the future"), (0, "reaches until")],
)
def test_a_moment_outside_the_window_is_refused_beside_its_field(
    window: None, login: Login, minutes: int, says: str
) -> None:
    at = f"{NOW - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}"
    answer = login("dba").post(PAGE, data={"kind": "time", "at": at, "hours": "24"})
    assert answer.status_code == 422
    assert says in answer.text


def test_a_chosen_moment_becomes_a_job_with_its_zone(
    window: None, asked_for: None, control: Session, login: Login
) -> None:
    at = NOW - timedelta(minutes=30)
    form = {"kind": "time", "at": f"{at:%Y-%m-%dT%H:%M:%S}", "hours": "3"}
    answer = login("dba").post(PAGE, data=form)
    run = last_asked(control, queries.RESTORE)
    assert run is not None
    assert str(run.id) in answer.location
    assert datetime.fromisoformat(run.args["at"]) == at
    assert (run.queue, run.lock, run.args["hours"]) == ("restores", "backups.restore:main", 3)


def test_no_backup_a_wrong_form_and_an_unknown_point_are_refused(login: Login) -> None:
    browser = login("dba")
    answer = browser.post(PAGE, data={"kind": "latest", "hours": "24"})
    assert answer.status_code == 409
    assert "No backup in the catalogue" in answer.text
    assert browser.post(PAGE, data={"kind": "latest", "hours": "0"}).status_code == 422
    assert browser.post(PAGE, data={"kind": "time", "hours": "1"}).status_code == 422
    assert browser.post(PAGE, data={"kind": "point", "point": "x", "hours": "1"}).status_code == 422
    assert browser.post(PAGE, data={"kind": "elsewhere", "hours": "1"}).status_code == 422


def test_a_restore_point_is_asked_for_once(asked_for: None, control: Session, login: Login) -> None:
    control.add(RestorePoint(name="taken", position=1, actor="x", reason="before the import"))
    control.commit()
    browser = login("dba")
    assert "before the import" in browser.get(PAGE).text
    assert browser.post(f"{PAGE}points", data={"name": "taken"}).status_code == 409
    assert browser.post(f"{PAGE}points", data={"name": "Not So!"}).status_code == 422
    assert browser.post(f"{PAGE}points", data={"name": ""}).status_code == 422
    answer = browser.post(f"{PAGE}points", data={"name": "before-import", "reason": "prices"})
    run = last_asked(control, "backups.create_restore_point")
    assert run is not None
    assert run.args == {"name": "before-import", "reason": "prices"}
    assert str(run.id) in answer.location


def test_a_restore_under_way_shows_how_far_it_is_and_when_it_will_be_ready(
    control: Session, login: Login
) -> None:
    run = JobRun(
        id=uuid4(),
        job=queries.RESTORE,
        title="Restore",
        queue="restores",
        status=RunStatus.RUNNING,
        actor="x",
    )
    run.progress_text = "Fetched 1 of 2"
    control.add(run)
    restore = add_restore(
        control, status="fetching", bytes_done=1_000_000, wal_total=4, phases={}, run_id=run.id
    )
    assert queries.share_done(restore) == pytest.approx(0.35)
    later = restore.created_at + timedelta(seconds=35)
    assert queries.estimate_end(restore, later) == restore.created_at + timedelta(seconds=100)
    browser = login("dba")
    assert "Fetching" in browser.get(PAGE).text
    html = browser.get(f"{PAGE}{restore.id}/").text
    assert "Fetched 1 of 2" in html
    assert str(run.id) in html


def test_a_failed_restore_says_why(control: Session, login: Login) -> None:
    restore = add_restore(control, status="failed", reason="The backup is broken: base.tar.gz.")
    browser = login("dba")
    assert "The backup is broken: base.tar.gz." in browser.get(PAGE).text
    assert "nothing of it is left" in browser.get(f"{PAGE}{restore.id}/").text
    assert browser.get(f"{PAGE}{restore.id}/look/").status_code == 409
    assert browser.get(f"{PAGE}999999/").status_code == 404


def test_tearing_down_asks_first_and_then_asks_a_job_once(
    asked_for: None, control: Session, login: Login
) -> None:
    restore = add_restore(control, expires_at=NOW + timedelta(hours=5))
    browser, address = login("dba"), f"{PAGE}{restore.id}/tear-down"
    assert "data folder is deleted" in browser.get(address).text
    assert last_asked(control, queries.TEAR_DOWN) is None
    first = browser.post(address).location
    assert browser.post(address).location == first
    gone = add_restore(control, status="gone")
    assert browser.post(f"{PAGE}{gone.id}/tear-down").location.endswith(f"{PAGE}{gone.id}/")


def test_a_restored_server_that_is_away_is_said_in_words(control: Session, login: Login) -> None:
    restore = add_restore(control, folder="/nowhere/at/all")
    answer = login("dba").get(f"{PAGE}{restore.id}/look/")
    assert answer.status_code == 503
    assert "The restored server is away." in answer.text


def test_a_manager_neither_sees_nor_restores(control: Session, login: Login) -> None:
    restore = add_restore(control)
    browser = login("manager", tenant="acme")
    for path in ("", f"{restore.id}/", f"{restore.id}/look/", f"{restore.id}/tear-down"):
        assert browser.get(f"{PAGE}{path}").status_code == 403
    assert browser.post(PAGE).status_code == 403
    assert browser.post(f"{PAGE}points").status_code == 403
