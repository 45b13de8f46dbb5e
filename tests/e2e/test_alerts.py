"""Answering an alert at night: on a telephone, by keyboard, while the page renews itself."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect
from sqlalchemy import delete

from dashboard.alerts import badge
from dashboard.alerts.models import Alert, AlertEvent, Silence
from dashboard.core.db import db
from tests.e2e.conftest import NARROW
from tests.e2e.places import Frame
from tests.e2e.watching import assert_accessible, assert_no_horizontal_scroll

Enter = Callable[..., Frame]
RULE, SUBJECT = "replication.standby_missing", "journey"
TITLE = f"A standby is missing {SUBJECT}"


@pytest.fixture
def firing(app: Flask) -> Iterator[None]:
    """A standby is missing."""
    now = datetime.now(UTC)
    with app.app_context():
        db.session.add(
            Alert(
                rule=RULE,
                subject=SUBJECT,
                severity="critical",
                state="firing",
                reason=f"{SUBJECT} is missing.",
                since=now,
                breached_at=now,
                checked_at=now,
            )
        )
        db.session.commit()
        badge.forget()
    yield
    with app.app_context():
        db.session.execute(delete(Alert).where(Alert.subject == SUBJECT))
        db.session.execute(delete(AlertEvent).where(AlertEvent.subject == SUBJECT))
        db.session.execute(delete(Silence).where(Silence.subject == SUBJECT))
        db.session.commit()
        badge.forget()


def renew_quickly(page: Page) -> None:
    """Let the page renew itself every 200 ms instead of every 10 s."""

    def hasten(route: Route) -> None:
        answer = route.fetch()
        html = answer.text().replace('data-live-every="10000"', 'data-live-every="200"')
        route.fulfill(response=answer, body=html)

    page.route("**/database/alerts/", hasten)


def test_an_alert_is_acknowledged_and_silenced_by_keyboard_while_the_page_renews_itself(
    enter: Enter, live_server: str, firing: None
) -> None:
    page = enter("admin", size=NARROW).page
    page.goto(f"{live_server}/database/alerts/")
    assert_no_horizontal_scroll(page)
    assert_accessible(page)
    renew_quickly(page)
    page.reload()
    button = page.get_by_role("button", name=f"Acknowledge: {TITLE}")
    button.focus()
    page.evaluate("document.querySelector('[data-live-url]').firstElementChild.dataset.old = '1'")
    expect(page.locator("[data-old]")).to_have_count(0)  # it is another page now
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("has it in hand since")).to_be_visible()
    page.get_by_role("link", name=f"Silence: {TITLE}").click()
    assert_no_horizontal_scroll(page)
    assert_accessible(page)
    page.get_by_label("Reason").fill("It is being moved")
    page.get_by_role("button", name="Silence").click()
    expect(page.get_by_text("in force", exact=True)).to_be_visible()
    page.get_by_role("link", name="Deliveries").click()
    expect(page.get_by_role("heading", name="Deliveries")).to_be_visible()
    assert_no_horizontal_scroll(page)
    assert_accessible(page)
    page.goto(f"{live_server}/database/alerts/deliveries/new/webhook")
    assert_no_horizontal_scroll(page)
    assert_accessible(page)
