"""Acknowledgement and silences: who, until when, what they hide, and that the record goes on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.alerts import answers, badge, queries, service
from dashboard.alerts.answers import Wanted
from dashboard.alerts.models import Alert, AlertEvent, Silence
from dashboard.audit.models import Operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.health import alerting as health
from tests.alerts.conftest import Desk, bad

Login = Callable[..., FlaskClient]
ADA = "ada@example.com"
HOUR = timedelta(hours=1)


@pytest.fixture
def firing(desk: Desk, control: Session) -> Alert:
    desk.at(-30, bad())
    desk.at(-5, bad())
    control.commit()
    found = queries.find_alert(desk.key, "")
    assert found is not None
    return found


def silenced(desk: Desk, **changed: object) -> Silence:
    wanted = {
        "rule": desk.key,
        "subject": None,
        "starts_at": None,
        "ends_at": datetime.now(UTC) + HOUR,
        "reason": "disk is being changed",
    }
    return answers.silence(Wanted(**{**wanted, **changed}), service.rules(), actor=ADA)  # type: ignore[arg-type]


def test_acknowledgement_names_who_and_ends_when_it_clears(desk: Desk, firing: Alert) -> None:
    answers.acknowledge(desk.key, "", "  looking  at it ", actor=ADA)
    assert (firing.acknowledged_by, firing.acknowledged_note) == (ADA, "looking at it")
    desk.at(0, bad("worse"))
    assert firing.acknowledged_at is not None
    desk.at(10, [])
    assert desk.at(70, []) == {"": "ok"}
    again = queries.find_alert(desk.key, "")
    assert again is not None
    assert (again.acknowledged_at, again.acknowledged_by, again.acknowledged_note) == (None, "", "")
    with pytest.raises(ConflictError, match="cleared meanwhile"):
        answers.acknowledge(desk.key, "", "", actor=ADA)


def test_acknowledgement_that_came_too_late_does_not_hide_the_next_breach(desk: Desk, firing: Alert) -> None:
    """Somebody acknowledges in the moment it clears: the next time it fires it is nobody's."""
    answers.acknowledge(desk.key, "", "mine", actor=ADA)
    desk.at(10, [])
    desk.at(70, [])
    cleared = queries.find_alert(desk.key, "")
    assert cleared is not None
    cleared.acknowledged_at, cleared.acknowledged_by = datetime.now(UTC), ADA
    desk.at(80, bad())
    assert cleared.acknowledged_at is None


def test_acknowledgement_is_taken_back_and_both_are_in_the_history(
    desk: Desk, firing: Alert, control: Session
) -> None:
    answers.acknowledge(desk.key, "", "mine", actor=ADA)
    answers.take_back(desk.key, "", actor="bob@example.com")
    assert firing.acknowledged_at is None
    rows = control.scalars(select(AlertEvent).where(AlertEvent.actor != "").order_by(AlertEvent.id))
    assert [(row.state, row.actor) for row in rows] == [
        ("acknowledged", ADA),
        ("taken back", "bob@example.com"),
    ]
    with pytest.raises(ConflictError, match="Nobody has acknowledged"):
        answers.take_back(desk.key, "", actor=ADA)


def test_answers_are_logged_as_operations(desk: Desk, firing: Alert) -> None:
    with Session(db.engines["control"]) as session:
        before = session.scalar(select(func.max(Operation.id))) or 0
    answers.acknowledge(desk.key, "", "mine", actor=ADA)
    answers.take_back(desk.key, "", actor=ADA)
    answers.end_silence(silenced(desk).id, actor=ADA)
    with Session(db.engines["control"]) as session:
        rows = session.scalars(
            select(Operation)
            .where(Operation.id > before, Operation.action.like("alert.%"))
            .order_by(Operation.id)
        )
        found = [(row.action, row.target, row.actor) for row in rows]
    verbs = ("acknowledge", "take_back", "silence", "end_silence")
    assert found == [(f"alert.{verb}", desk.key, ADA) for verb in verbs]


def test_silence_hides_from_the_badge_and_not_from_the_record(
    desk: Desk, firing: Alert, control: Session
) -> None:
    assert queries.count_firing().warning == 1
    made = silenced(desk)
    assert queries.count_firing().total == 0
    assert health.card().headline == "Nothing fires"
    desk.at(10, [])
    assert desk.at(70, []) == {"": "ok"}
    desk.at(80, bad())
    assert desk.at(100, bad()) == {"": "firing"}
    states = [row.state for row in control.scalars(select(AlertEvent).order_by(AlertEvent.id))]
    assert states == ["pending", "firing", "ok", "pending", "firing"]
    assert queries.count_firing(made.ends_at).warning == 1  # it ends by itself


def test_silence_of_one_subject_or_of_every_rule(desk: Desk, control: Session) -> None:
    both = [*bad(subject="dr"), *bad(subject="az-b")]
    desk.at(-30, both)
    desk.at(-5, both)
    one = silenced(desk, subject="dr")
    assert queries.count_firing().warning == 1
    answers.end_silence(one.id, actor=ADA)
    assert queries.count_firing().warning == 2
    silenced(desk, rule="")
    assert queries.count_firing().warning == 0


def test_silence_is_planned_ahead_and_may_be_taken_back(desk: Desk, firing: Alert) -> None:
    begin = datetime.now(UTC) + 2 * HOUR
    made = silenced(desk, starts_at=begin, ends_at=begin + HOUR)
    assert queries.count_firing().total == 1
    assert queries.count_firing(begin + timedelta(minutes=1)).total == 0
    assert queries.count_firing(begin + 2 * HOUR).total == 1
    answers.end_silence(made.id, actor=ADA)
    assert queries.count_firing(begin + timedelta(minutes=1)).total == 1
    with pytest.raises(NotFoundError, match="over already"):
        answers.end_silence(made.id, actor=ADA)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rule": "no.rule"}, "rule"),
        ({"reason": "  "}, "reason"),
        ({"hours": -1}, "ends_at"),
        ({"hours": 24 * 40}, "ends_at"),
        ({"ahead": 24 * 400, "hours": 24 * 401}, "starts_at"),
    ],
    ids=["rule", "reason", "past", "long", "far"],
)
def test_silence_that_cannot_be_is_refused_at_its_field(
    desk: Desk, change: dict[str, object], field: str
) -> None:
    now = datetime.now(UTC)
    hours, ahead = change.pop("hours", 1), change.pop("ahead", None)
    moments = {
        "ends_at": now + HOUR * int(str(hours)),
        "starts_at": now + HOUR * int(str(ahead)) if ahead else None,
    }
    with pytest.raises(InvalidInputError) as refused:
        silenced(desk, **moments, **change)
    assert field in refused.value.fields


def test_page_has_the_answers_beside_the_alert(desk: Desk, firing: Alert, login: Login) -> None:
    browser = login("dba")
    html = browser.get("/database/alerts/").text
    assert "Nobody has it in hand yet" in html
    assert f'aria-label="Acknowledge: {service.rules()[desk.key].title}"' in html
    fields = {"rule": desk.key, "subject": ""}
    assert browser.post("/database/alerts/acknowledge", data=fields).status_code == 302
    html = browser.get("/database/alerts/").text
    assert "has it in hand since" in html
    assert "Take back" in html
    note = browser.get(f"/database/alerts/acknowledge?rule={desk.key}&subject=").text
    assert "You have it in hand" in note
    browser.post("/database/alerts/acknowledge", data={**fields, "note": "new disk at nine"})
    assert "new disk at nine" in browser.get("/database/alerts/").text
    browser.post("/database/alerts/take-back", data=fields)
    assert "Nobody has it in hand yet" in browser.get("/database/alerts/").text


def test_page_silences_shows_what_is_hidden_and_ends_it(desk: Desk, firing: Alert, login: Login) -> None:
    browser = login("dba")
    form = browser.get(f"/database/alerts/silences?rule={desk.key}").text
    assert f'selected value="{desk.key}"' in form
    refused = browser.post("/database/alerts/silences", data={"rule": desk.key, "length": "3600"})
    assert refused.status_code == 422
    assert "Say why nobody need be told" in refused.text
    data = {"rule": desk.key, "length": "3600", "reason": "disk is being changed"}
    assert browser.post("/database/alerts/silences", data=data).status_code == 302
    html = browser.get("/database/alerts/").text
    assert "Wrong, but nobody is told" in html
    assert "disk is being changed" in html
    assert "Nothing fires" in html
    assert "Alerts: nothing fires" in html
    assert "Silenced" in browser.get(f"/database/alerts/rules/{desk.key}").text
    listed = browser.get("/database/alerts/silences").text
    assert "in force" in listed
    made = queries.list_silences(datetime.now(UTC))[0]
    browser.post(f"/database/alerts/silences/{made.id}/end")
    badge.forget()
    assert "Alerts firing: 1 warning" in browser.get("/database/alerts/").text


def test_silence_until_a_moment_is_read_in_the_zone_of_the_person(desk: Desk, login: Login) -> None:
    end = (datetime.now(UTC) + 5 * HOUR).replace(microsecond=0, second=0)
    data = {"rule": "", "length": "3600", "ends_at": f"{end:%Y-%m-%dT%H:%M}", "reason": "upgrade"}
    login("dba").post("/database/alerts/silences", data=data)
    made = queries.list_silences(datetime.now(UTC))[0]
    assert (made.rule, made.subject, made.ends_at) == ("", None, end)
    early = {**data, "ends_at": "2020-01-01T00:00"}
    assert login("dba").post("/database/alerts/silences", data=early).status_code == 422


def test_answers_need_their_permission(login: Login) -> None:
    browser = login("manager", tenant="acme")
    for path in ("acknowledge", "take-back", "silences", "silences/1/end"):
        assert browser.post(f"/database/alerts/{path}", data={"rule": "x"}).status_code == 403


def test_alert_and_rule_that_are_gone_are_said(desk: Desk, login: Login) -> None:
    browser = login("dba")
    assert browser.post("/database/alerts/acknowledge", data={"rule": "no.rule"}).status_code == 404
    gone = browser.post("/database/alerts/acknowledge", data={"rule": desk.key, "subject": "dr"})
    assert gone.status_code == 409
    assert "cleared meanwhile" in browser.get(f"/database/alerts/acknowledge?rule={desk.key}").text
    long = {"rule": desk.key, "subject": "", "note": "x" * 501}
    assert browser.post("/database/alerts/acknowledge", data=long).status_code == 422
