"""The settings page: who may, what is refused, what is kept."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.audit.models import Operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.jobs import timing
from dashboard.jobs.models import ScheduleState
from dashboard.jobs.slots import Schedule
from dashboard.settings import queries, service
from dashboard.settings.models import Setting
from dashboard.settings.service import Change

Login = Callable[..., FlaskClient]
PAGE = "/admin/settings/backups.rpo_seconds"
TODAY = datetime.now(UTC).date()


def wrote(**changes: str) -> dict[str, str]:
    return {"value": "30 min", "owner": "Head of operations", "note": "", "version": "0"} | changes


def test_admin_changes_a_promise_and_it_holds_at_once(control: Session, login: Login) -> None:
    browser = login("admin")
    assert browser.post(PAGE, data=wrote(confirmed_on=TODAY.isoformat())).status_code == 302
    held = queries.get_setting("backups.rpo_seconds")
    assert (held.value, held.state, held.is_default) == (1800, queries.CONFIRMED, False)
    assert held.row is not None
    assert held.row.confirmed_by == held.row.changed_by != ""
    html = browser.get("/admin/settings/").text
    assert "30 min" in html
    assert "Head of operations" in html


def test_change_is_logged_with_before_and_after(control: Session, login: Login) -> None:
    login("admin").post(PAGE, data=wrote())
    with Session(db.engines["control"]) as session:
        entry = session.scalar(
            select(Operation).where(Operation.action == "setting.change").order_by(Operation.id.desc())
        )
    assert entry is not None
    assert (entry.target, entry.detail["before"], entry.detail["after"]) == (
        "backups.rpo_seconds",
        3600,
        1800,
    )


def test_stale_save_is_refused_and_keeps_what_was_written(control: Session, login: Login) -> None:
    service.save("backups.rpo_seconds", Change("45 min"), actor="other@example.com")
    control.commit()
    answer = login("admin").post(PAGE, data=wrote(value="30 min", version="0"))
    assert answer.status_code == 409
    assert "changed by other@example.com" in answer.text
    assert "45 min" in answer.text
    assert 'value="30 min"' in answer.text
    assert 'name="version" type="hidden" value="1"' in answer.text  # saving again now is deliberate
    assert queries.value("backups.rpo_seconds") == 2700


def test_second_of_two_first_saves_is_refused(control: Session, app: Flask) -> None:
    held = queries.get_setting("backups.rpo_seconds")
    service.save("backups.rpo_seconds", Change("45 min"), actor="a@example.com")
    with pytest.raises(ConflictError):
        service._write(Setting(key="backups.rpo_seconds", value=60), held)
    assert queries.value("backups.rpo_seconds") == 2700


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": "soon"}, "Write a length of time"),
        ({"value": "1 s"}, "must lie between 10 s and 7 d"),
        ({"confirmed_on": (TODAY + timedelta(days=2)).isoformat()}, "confirmed in the future"),
        ({"confirmed_on": TODAY.isoformat(), "owner": ""}, "Name who answers for it"),
        ({"value": ""}, "Enter a value"),
    ],
)
def test_nonsense_is_refused_beside_its_field(
    control: Session, login: Login, changes: dict[str, str], message: str
) -> None:
    answer = login("admin").post(PAGE, data=wrote(**changes))
    assert answer.status_code == 422
    assert message in answer.text
    assert queries.value("backups.rpo_seconds") == 3600


def test_confirmation_of_last_year_is_marked_as_old(control: Session, login: Login) -> None:
    change = Change("1 h", "Owner", confirmed_on=date(TODAY.year - 2, 1, 1))
    service.save("backups.rpo_seconds", change, actor="a@example.com")
    assert queries.get_setting("backups.rpo_seconds").state == queries.OLD
    html = login("admin").get("/admin/settings/").text
    assert "Over a year ago" in html
    assert "Not confirmed" in html


def test_form_shows_what_holds(control: Session, login: Login) -> None:
    service.save("backups.retention_days", Change("14", "Owner", "as agreed"), actor="a@example.com")
    html = login("admin").get("/admin/settings/backups.retention_days").text
    assert 'value="14"' in html
    assert "as agreed" in html
    assert "It comes as 30 days." in html


def test_dba_and_manager_cannot_change_promises(login: Login) -> None:
    for role, sees in (("dba", 200), ("manager", 403)):
        browser = login(role)
        assert browser.get("/admin/settings/").status_code == sees
        assert browser.post(PAGE, data=wrote()).status_code == 403


def test_unknown_setting_is_not_found(login: Login) -> None:
    assert login("admin").get("/admin/settings/no.such").status_code == 404


def test_schedule_follows_its_setting_and_keeps_following_after_a_restart(control: Session) -> None:
    declared = Schedule("backups.test", "backups.back_up", "Test", cron="5 * * * *", setting="backups.every")
    control.add(ScheduleState(name="backups.test", job="backups.back_up", title="Test", cron="5 * * * *"))
    service.save("backups.every", Change("35 2 * * *"), actor="a@example.com")
    control.flush()
    assert (
        control.scalar(select(ScheduleState.cron).where(ScheduleState.name == "backups.test")) == "35 2 * * *"
    )
    assert timing._cron_of(control, declared) == "35 2 * * *"
    assert timing._cron_of(control, Schedule("x", "y", "z", cron="1 * * * *")) == "1 * * * *"
