"""The drills page, a drill's own page, the button and the overview card."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.backups.drills import queries, reviewing
from dashboard.backups.drills.models import Drill, Outcome
from dashboard.backups.models import Backup
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction

Login = Callable[..., FlaskClient]
NOW = datetime.now(UTC)
PHASES = {"checks": 4.0, "plan": 0.5, "fetch": 2.0, "wal": 0.5, "replay": 2.0, "promote": 1.0}


@pytest.fixture
def asked_for(app: Flask) -> Iterator[None]:
    """Remove what the button commits on its own connection."""
    yield
    with control_transaction() as session:
        session.execute(delete(JobRun).where(JobRun.job == queries.DRILL))


def add_backup(control: Session, backup_id: str = "20261120T000000") -> Backup:
    end = NOW - timedelta(hours=1)
    backup = Backup(server="main", backup_id=backup_id, kind="full", status="DONE", end_at=end)
    control.add(backup)
    control.commit()
    return backup


def check(name: str, subject: str, status: str = "passed", **more: str) -> dict[str, Any]:
    row = {"name": name, "title": name, "subject": subject, "status": status, "seconds": 0.5}
    return row | {"detail": "", "file": ""} | more


def add_drill(control: Session, **changes: Any) -> Drill:
    values: dict[str, Any] = {
        "server": "main",
        "backup_id": "20261120T000000",
        "outcome": Outcome.PASSED,
        "actor": "dba@example.com",
        "started_at": NOW - timedelta(days=2),
        "finished_at": NOW + timedelta(seconds=10),
        "phases": PHASES,
        "rto_seconds": 10.0,
        "rpo_seconds": 1.5,
        "checks": [check("server.amcheck", "cluster"), check("tenant.rows", "acme")],
    }
    drill = Drill(**(values | changes))
    control.add(drill)
    control.commit()
    return drill


def test_without_backups_the_page_says_there_is_nothing_to_drill(login: Login) -> None:
    page = login("dba").get("/database/drills/").get_data(as_text=True)
    assert "Nothing to drill yet" in page
    assert "Drill now" not in page


def test_with_a_backup_the_page_offers_a_drill(login: Login, control: Session) -> None:
    add_backup(control)
    page = login("dba").get("/database/drills/").get_data(as_text=True)
    assert "No drill yet" in page
    assert "Drill now" in page


def test_the_page_shows_outcomes_with_what_they_measured(login: Login, control: Session) -> None:
    add_backup(control)
    add_drill(control)
    page = login("dba").get("/database/drills/").get_data(as_text=True)
    for words in (
        "Passed",
        "2 of 2",
        "10\N{NO-BREAK SPACE}s",
        "Measured restore time",
        "4\N{NO-BREAK SPACE}h promised",
    ):
        assert words in page, words
    assert "overdue" not in page


def test_a_broken_backup_is_named_with_its_file_and_what_to_do(login: Login, control: Session) -> None:
    broken = add_drill(
        control,
        outcome=Outcome.BACKUP_BROKEN,
        reason="crc error",
        broken_file="/repo/1/data/base.tar.gz",
    )
    browser = login("dba")
    for path in ("/database/drills/", f"/database/drills/{broken.id}"):
        page = browser.get(path).get_data(as_text=True)
        assert "/repo/1/data/base.tar.gz" in page
        assert "Make a full backup now" in page
    assert reviewing.card("main").status == "critical"


def test_a_drill_that_broke_by_itself_does_not_blame_the_backup(login: Login, control: Session) -> None:
    add_drill(control)
    broke = add_drill(
        control, outcome=Outcome.DRILL_BROKEN, reason="disk full", started_at=NOW, finished_at=NOW
    )
    page = login("dba").get(f"/database/drills/{broke.id}").get_data(as_text=True)
    assert "This says nothing about the backup" in page
    assert reviewing.card("main").status == "warning"


def test_a_drill_shows_its_checks_by_tenant_with_failures_first(login: Login, control: Session) -> None:
    drill = add_drill(
        control,
        checks=[
            check("server.amcheck", "cluster"),
            check("tenant.rows", "acme"),
            check("erp.stock", "acme", "failed", detail="product 7 is short"),
            check("tenant.rows", "globex", "skipped", detail="away"),
        ],
    )
    page = login("dba").get(f"/database/drills/{drill.id}").get_data(as_text=True)
    assert page.index("Tenant acme") < page.index("Cluster</h2>") < page.index("Tenant globex")
    assert page.index("erp.stock") < page.index("tenant.rows")
    assert "product 7 is short" in page
    assert "Fetch the backup" in page


def test_an_unknown_drill_is_not_found(login: Login) -> None:
    assert login("dba").get("/database/drills/99999").status_code == 404


def test_the_button_asks_for_one_drill_at_a_time(login: Login, control: Session, asked_for: None) -> None:
    add_backup(control)
    browser = login("dba")
    first = browser.post("/database/drills/", data={"backup_id": "20261120T000000"})
    again = browser.post("/database/drills/")
    assert first.status_code == again.status_code == 302
    assert first.location == again.location
    with control_transaction() as session:
        (run,) = session.scalars(select(JobRun).where(JobRun.job == queries.DRILL))
    assert (run.args, run.queue) == ({"backup_id": "20261120T000000"}, "restores")


def test_staff_may_neither_see_nor_start_drills(login: Login) -> None:
    browser = login("staff", tenant="acme")
    assert browser.get("/database/drills/").status_code == 403
    assert browser.post("/database/drills/").status_code == 403


def test_the_card_turns_red_when_no_drill_has_passed_for_too_long(control: Session) -> None:
    assert reviewing.card("main").status == "unverified"
    add_drill(control)
    assert reviewing.card("main").status == "ok"
    assert not reviewing.is_overdue("main")
    assert reviewing.is_overdue("main", NOW + timedelta(days=7))


def test_the_first_drill_is_asked_for_soon_after_the_first_backup(control: Session) -> None:
    assert not queries.needs_first("main")
    backup = add_backup(control)
    assert queries.needs_first("main")
    backup.end_at = datetime.now(UTC)
    control.commit()
    assert not queries.needs_first("main")
    backup.end_at = NOW - timedelta(hours=1)
    add_drill(control)
    assert not queries.needs_first("main")
