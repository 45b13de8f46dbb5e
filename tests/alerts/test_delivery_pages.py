"""The pages of deliveries: routes, what is secret, tests, and the notice of what did not arrive."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.alerts.deliveries import jobs, sealing
from dashboard.alerts.deliveries.models import Delivery, Kind, Route
from dashboard.alerts.models import Signal
from dashboard.audit.models import Operation
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.models import JobRun
from tests.alerts.receiving import Receiver

Login = Callable[..., FlaskClient]
PAGE = "/database/alerts/deliveries"
MAIL = {
    "name": "DBA on call",
    "address": "dba@example.com",
    "repeat": "3600",
    "severity": "",
    "is_active": "y",
}
HOOK = {"name": "Chat", "body": "text", "repeat": "0", "severity": "critical", "is_active": "y"}
SECRET = "a secret of the receiver"


@pytest.fixture(autouse=True)
def nothing_left(app: Flask) -> Iterator[None]:
    """Runs are written past the test's transaction."""
    yield
    with db.engines["control"].begin() as connection:
        connection.execute(delete(JobRun).where(JobRun.job == jobs.DELIVER))


def only_route(control: Session) -> Route:
    control.expire_all()
    return control.scalars(select(Route)).one()


def test_page_says_that_nobody_is_told_and_how_to_change_that(login: Login) -> None:
    html = login("dba").get(PAGE).text
    assert "Nobody is told" in html
    assert "STEWARD_DEADMAN_URL" in html
    assert "Nobody is told of alerts" in login("dba").get("/database/alerts/").text


def test_mail_address_is_added_changed_and_deleted(login: Login, control: Session) -> None:
    browser = login("dba")
    assert "E-mail address" in browser.get(f"{PAGE}/new/mail").text
    night = {"quiet_from": "22:00", "quiet_until": "06:00", "quiet_zone": "Europe/Berlin"}
    answer = browser.post(f"{PAGE}/new/mail", data={**MAIL, **night, "areas": ["backups", "health"]})
    assert answer.status_code == 302
    made = only_route(control)
    assert (made.address, made.areas, made.repeat_seconds) == ("dba@example.com", ["backups", "health"], 3600)
    html = browser.get(PAGE).text
    assert "warnings wait from 22:00 to 06:00 Europe/Berlin" in html
    form = browser.get(f"{PAGE}/routes/{made.id}").text
    assert 'value="dba@example.com"' in form
    stale = browser.post(f"{PAGE}/routes/{made.id}", data={**MAIL, "version": "0"})
    assert stale.status_code == 409
    assert "changed meanwhile" in stale.text
    changed = {**MAIL, "address": "all@example.com", "version": "1"}
    assert browser.post(f"{PAGE}/routes/{made.id}", data=changed).status_code == 302
    assert only_route(control).address == "all@example.com"
    assert "Delete DBA on call?" in browser.get(f"{PAGE}/routes/{made.id}/delete").text
    browser.post(f"{PAGE}/routes/{made.id}/delete")
    assert control.scalars(select(Route)).all() == []


def test_webhook_keeps_its_address_and_secret_to_itself(
    login: Login, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    browser = login("dba")
    answer = browser.post(f"{PAGE}/new/webhook", data={**HOOK, "url": receiver.url, "secret": SECRET})
    assert answer.status_code == 302
    made = only_route(control)
    stored = repr({name: value for name, value in vars(made).items() if not name.startswith("_sa")})
    for hidden in ("secret-path", "token=hidden", SECRET):
        assert hidden not in stored
        assert hidden not in browser.get(PAGE).text
        assert hidden not in browser.get(f"{PAGE}/routes/{made.id}").text
    with Session(db.engines["control"]) as session:
        added = select(Operation).where(Operation.action == "alert_route.add").order_by(Operation.id.desc())
        logged = session.scalars(added.limit(1)).one()
    assert SECRET not in str(logged.detail)
    assert "hidden" not in str(logged.detail)
    kept = browser.post(f"{PAGE}/routes/{made.id}", data={**HOOK, "name": "Chat room", "version": "1"})
    assert kept.status_code == 302
    made = only_route(control)
    assert sealing.unseal(made.sealed_url, reaching.secret_key) == receiver.url
    assert sealing.unseal(made.sealed_secret, reaching.secret_key) == SECRET
    browser.post(f"{PAGE}/routes/{made.id}", data={**HOOK, "forget_secret": "y", "version": "2"})
    assert only_route(control).sealed_secret == ""


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("mail", {"address": ""}, "A mail needs an address"),
        ("mail", {"address": "nobody"}, "no e-mail address"),
        ("mail", {"quiet_from": "22:00"}, "both ends"),
        ("mail", {"quiet_zone": "Mars/Base"}, "no such time zone"),
        ("mail", {"name": ""}, "Give it a name"),
        ("webhook", {}, "A webhook needs an address"),
        ("webhook", {"url": "https://169.254.169.254/"}, "keys are served"),
        ("webhook", {"url": "http://example.com/"}, "begin with https"),
        ("webhook", {"url": "https://example.com/", "secret": "short"}, "Between 16 and 200"),
    ],
    ids=["none", "wrong", "half", "zone", "name", "url", "metadata", "plain", "secret"],
)
def test_wrong_route_is_refused_at_its_field(
    login: Login, kind: str, change: dict[str, str], words: str
) -> None:
    given = {**(MAIL if kind == "mail" else HOOK), **change}
    answer = login("dba").post(f"{PAGE}/new/{kind}", data=given)
    assert answer.status_code == 422
    assert words in answer.text
    if "secret" in change:
        assert 'value="short"' not in answer.text


def test_name_is_taken_once(login: Login) -> None:
    browser = login("dba")
    browser.post(f"{PAGE}/new/mail", data=MAIL)
    assert "of this name already" in browser.post(f"{PAGE}/new/mail", data=MAIL).text


def test_test_is_sent_from_the_page_and_shown_as_arrived(
    login: Login, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    browser = login("dba")
    browser.post(f"{PAGE}/new/webhook", data={**HOOK, "severity": "", "url": receiver.url})
    made = only_route(control)
    assert browser.post(f"{PAGE}/routes/{made.id}/test").status_code == 302
    with Session(db.engines["control"]) as session:
        assert session.scalars(select(JobRun).where(JobRun.job == jobs.DELIVER)).one()
    jobs.deliver(None)
    assert "Test: nothing is wrong" in receiver.got[0].json["text"]
    html = browser.get(f"{PAGE}/live").text
    assert "Test by" in html
    assert "Sent" in html
    assert "<html" not in html
    rule = "/database/alerts/rules/backups.wal_gap"
    assert "Send a test" in browser.get(rule).text
    assert browser.post(f"{rule}/test").status_code == 302
    jobs.deliver(None)
    assert "The repository" in receiver.got[1].json["text"]
    assert browser.post("/database/alerts/rules/no.rule/test").status_code == 404


def test_rule_nobody_hears_of_cannot_be_tried(login: Login) -> None:
    answer = login("dba").post("/database/alerts/rules/backups.wal_gap/test")
    assert answer.status_code == 409
    assert "No route hears of this rule" in answer.text


def test_what_was_given_up_is_a_notice_and_can_be_sent_again(login: Login, control: Session) -> None:
    control.add(Route(name="on call", kind=Kind.MAIL, address="dba@example.com", severities=[], areas=[]))
    control.flush()
    old = datetime.now(UTC) + timedelta(minutes=1)
    facts = {"rule": "gone.rule", "title": "Gone", "subject": "dr"}
    content = {"fires": [facts] * 5, "still": [], "over": [], "more": 0}
    failed = Delivery(
        route_id=only_route(control).id,
        content=content,
        created_at=old,
        given_up_at=old,
        attempts=10,
        error="The mail server did not take the mail.",
    )
    control.add(failed)
    control.commit()
    browser = login("dba")
    html = browser.get(PAGE).text
    assert "Alerts do not reach on call." in html
    assert "was given up after 10 attempts. The mail server did not take the mail." in " ".join(html.split())
    assert "and 2 more fires" in html
    assert browser.post(f"{PAGE}/{failed.id}/retry").status_code == 302
    control.expire_all()
    again = control.scalars(select(Delivery)).one()
    assert (again.given_up_at, again.attempts) == (None, 0)
    again.sent_at = datetime.now(UTC)
    control.commit()
    assert browser.post(f"{PAGE}/{failed.id}/retry").status_code == 409
    assert "Alerts do not reach" not in browser.get(PAGE).text


def test_page_shows_the_last_ping_and_why_it_is_held_back(
    login: Login, app: Flask, control: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://pings.example.com/secret-check"
    monkeypatch.setitem(app.extensions, "steward_settings", settings.model_copy(update={"deadman_url": url}))
    control.add(Signal(name="deadman", taken_at=datetime.now(UTC), tried_at=datetime.now(UTC)))
    control.commit()
    html = login("dba").get(PAGE).text
    assert "pings.example.com" in html
    assert "secret-check" not in html
    assert "Held back" in html
    assert "The rules were last judged at never." in html
    assert "The outside gets no ping" in login("dba").get("/database/alerts/").text


def test_routes_need_their_permissions(login: Login) -> None:
    browser = login("manager", tenant="acme")
    for path in ("", "/new/mail", "/routes/1"):
        assert browser.get(f"{PAGE}{path}").status_code == 403
    for path in ("/routes/1/test", "/routes/1/delete"):
        assert browser.post(f"{PAGE}{path}").status_code == 403


def test_route_and_message_that_are_gone_are_said(login: Login) -> None:
    browser = login("dba")
    assert browser.get(f"{PAGE}/routes/999999").status_code == 404
    assert browser.post(f"{PAGE}/00000000-0000-0000-0000-000000000000/retry").status_code == 404
