"""The pages of alerts and the badge: for whom, with what, and with everything else away."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from dashboard.alerts import badge, queries, service
from dashboard.alerts.models import Alert, AlertEvent
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health import refreshing
from dashboard.health.service import store_reading

Login = Callable[..., FlaskClient]
PAGE = "/database/alerts/"


@pytest.fixture(autouse=True)
def fresh_badge(app: Flask) -> None:
    with app.app_context():
        badge.forget()


@pytest.fixture
def broken(app: Flask, control: Session, settings: Settings) -> None:
    """The primary does not answer, and that has lasted."""
    refreshing.refresh_activity(settings)
    store_reading(refreshing.ACTIVITY, {}, "connection refused", every=10)
    now = datetime.now(UTC)
    service.evaluate(now)
    service.evaluate(now + timedelta(seconds=10))
    control.commit()


def test_page_answers_before_anything_was_judged(login: Login) -> None:
    html = login("dba").get(PAGE).text
    assert "Nothing was judged yet" in html
    assert "Archiving of WAL fails" in html


def test_page_says_that_nothing_fires(app: Flask, control: Session, login: Login) -> None:
    service.evaluate()
    control.commit()
    html = login("dba").get(PAGE).text
    assert "Nothing fires" in html
    assert "Nothing happened" in html


def test_firing_alert_has_reason_meaning_what_to_do_and_where(broken: None, login: Login) -> None:
    html = login("dba").get(PAGE).text
    assert "connection refused" in html
    assert "What to do" in html
    assert "a full disk and a crashed process are the usual causes" in html
    assert 'href="/database/health"' in html
    assert "<title>" in html.partition("<svg width")[2]  # the timeline


def test_badge_counts_what_fires_for_those_who_may_see_it(broken: None, login: Login) -> None:
    assert "Alerts firing: 1 critical" in login("dba").get("/database/").text
    assert "Alerts firing" not in login("staff", tenant="acme").get("/t/acme/records/").text


def test_badge_says_when_nothing_fires(login: Login) -> None:
    assert "Alerts: nothing fires" in login("dba").get("/database/").text


def test_overview_has_a_card_with_the_worst(broken: None, login: Login) -> None:
    html = login("dba").get("/database/").text
    assert "1 firing" in html
    assert "The ERP primary does not answer." in html


def test_rule_page_shows_its_runbook(login: Login) -> None:
    html = login("dba").get(PAGE + "rules/backups.wal_gap").text
    assert "Look for them in <code>pg_wal</code> of the primary" in html
    assert "Nothing happened" in html
    assert login("dba").get(PAGE + "rules/backups.none").status_code == 404


def test_rule_page_shows_what_fires(broken: None, login: Login) -> None:
    html = login("dba").get(PAGE + "rules/health.primary_away").text
    assert "connection refused" in html
    assert "Firing" in html


def test_live_part_is_the_page_without_its_frame(broken: None, login: Login) -> None:
    html = login("dba").get(PAGE + "live").text
    assert "connection refused" in html
    assert "<html" not in html


def test_page_is_closed_to_staff(login: Login) -> None:
    assert login("staff", tenant="acme").get(PAGE).status_code == 403


def test_what_nobody_judges_any_more_is_called_old(broken: None, control: Session, login: Login) -> None:
    for alert in queries.list_alerts():
        alert.checked_at = datetime.now(UTC) - timedelta(minutes=5)
    control.commit()
    browser = login("dba")
    assert "Nobody judges the rules" in browser.get(PAGE).text
    assert "Stale" in browser.get("/database/").text


def test_what_is_not_known_says_since_when(broken: None, control: Session, login: Login) -> None:
    html = login("dba").get(PAGE).text
    assert "Not known since" in html  # the archiver, as the primary does not answer
    assert "could not be read: connection refused" in html


def test_old_changes_and_removed_rules_do_not_break_the_page(control: Session, login: Login) -> None:
    now = datetime.now(UTC)
    control.add(AlertEvent(rule="gone.rule", state="firing", reason="old", at=now - timedelta(days=1)))
    control.add(
        Alert(rule="gone.rule", subject="", state="firing", severity="critical", reason="old", doubt="")
    )
    control.commit()
    html = login("dba").get(PAGE).text
    assert "gone.rule" in html
    service.evaluate(now)
    assert not queries.list_alerts("gone.rule")


@pytest.mark.parametrize("page", [PAGE, PAGE + "live", PAGE + "rules/backups.wal_gap"])
def test_page_reads_the_control_database_only(
    page: str, broken: None, app: Flask, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With primary and broker gone the page is the same: nothing on it asks them."""
    browser, asked = login("dba"), []
    browser.get(page)  # the tenant registry is remembered for some seconds

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the page asked the broker")

    monkeypatch.setattr("dashboard.jobs.broker.connection", refuse)
    for name in (None, "owner", "monitor"):
        event.listen(db.engines[name], "before_cursor_execute", note)
    try:
        assert browser.get(page).status_code == 200
    finally:
        for name in (None, "owner", "monitor"):
            event.remove(db.engines[name], "before_cursor_execute", note)
    assert [text for text in asked if "tenant" not in text] == []
