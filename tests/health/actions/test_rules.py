"""Targets, windows and what is asked: pure rules and the pages."""

import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, time
from html import unescape
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.health import refreshing
from dashboard.health.actions import queries, service, targets
from dashboard.health.actions.kinds import KINDS, get_kind
from dashboard.health.actions.models import MaintenanceAction, MaintenanceWindow, Status
from dashboard.health.actions.windows import opening, spelled
from dashboard.health.connection import libpq_url

Login = Callable[..., FlaskClient]
BERLIN = ZoneInfo("Europe/Berlin")
TABLE = {"schema": "tenant_acme", "table": "product", "index": ""}


def window(weekday: int | None, starts: time, ends: time, zone: str = "Europe/Berlin") -> SimpleNamespace:
    return SimpleNamespace(weekday=weekday, starts=starts, ends=ends, zone=zone)


@pytest.mark.parametrize(
    ("now", "starts", "is_open"),
    [
        (datetime(2026, 3, 28, 21, 0, tzinfo=BERLIN), datetime(2026, 3, 28, 22, 0, tzinfo=BERLIN), False),
        (datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN), datetime(2026, 3, 28, 22, 0, tzinfo=BERLIN), True),
        (datetime(2026, 3, 29, 4, 0, tzinfo=BERLIN), datetime(2026, 4, 4, 22, 0, tzinfo=BERLIN), False),
    ],
    ids=["before", "past midnight", "just closed"],
)
def test_a_window_may_pass_midnight_and_a_change_of_the_clock(
    now: datetime, starts: datetime, is_open: bool
) -> None:
    found = opening(window(5, time(22), time(4)), now)
    assert found.starts_at == starts
    assert found.is_open(now) is is_open


def test_a_window_of_every_day_is_spelled_and_opens_today_or_tomorrow() -> None:
    daily = window(None, time(1), time(2), "UTC")
    assert opening(daily, datetime(2026, 5, 4, 0, 30, tzinfo=UTC)).starts_at.day == 4
    assert opening(daily, datetime(2026, 5, 4, 2, 0, tzinfo=UTC)).starts_at.day == 5
    assert spelled(daily) == "Every day, 01:00 to 02:00 (UTC)"
    assert spelled(window(6, time(1), time(2))).startswith("Sunday")


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("cancel", {"pid": "x", "started": "2026-01-01T00:00:00+00:00"}),
        ("cancel", {"pid": "4", "started": "2026-01-01T00:00:00"}),
        ("cancel", {"pid": "4", "started": "yesterday"}),
        ("cancel", {"pid": str(2**31), "started": "2026-01-01T00:00:00+00:00"}),
        ("vacuum", {"schema": "a"}),
        ("vacuum", {"table": "a"}),
        ("vacuum", {"schema": "a", "table": "a" * 64}),
        ("drop_index", {"schema": "a", "table": "a"}),
    ],
    ids=range(8),
)
def test_a_target_that_is_not_whole_is_refused(kind: str, given: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        targets.read(KINDS[kind], given)


def test_a_target_is_read_from_an_address_and_named() -> None:
    session = targets.read(KINDS["cancel"], {"pid": "4", "started": "2026-01-01T00:00:00 +00:00"})
    assert session == {"pid": 4, "started": "2026-01-01T00:00:00+00:00"}
    assert targets.name(session) == "4"
    assert targets.name(TABLE, everywhere=True) == "product in every tenant"
    assert targets.name(TABLE) == "tenant_acme.product"


def test_full_vacuum_is_refused_with_the_reason() -> None:
    with pytest.raises(ConflictError, match="exclusive lock"):
        get_kind("vacuum_full")


def test_what_is_asked_is_checked(app: Flask, control: Session) -> None:
    service.ask("vacuum", TABLE, reason="bloat", actor="a@example.com")
    with pytest.raises(ConflictError, match="not over"):
        service.ask("vacuum", TABLE, reason="bloat", actor="b@example.com")
    with pytest.raises(InvalidInputError, match="why"):
        service.ask("analyze", TABLE, reason=" ", actor="a@example.com")
    with pytest.raises(InvalidInputError, match="tenant's schema"):
        service.ask("analyze", TABLE | {"schema": "public"}, reason="x", actor="a", everywhere=True)
    with pytest.raises(InvalidInputError, match="wait for a window"):
        service.ask("cancel", {"pid": 1, "started": "x"}, reason="x", actor="a", window_id=1)


def test_an_action_moves_only_where_its_state_allows(app: Flask, control: Session) -> None:
    action = service.ask("vacuum", TABLE, reason="bloat", actor="a@example.com")
    service.move(action, "pause", actor="a@example.com")
    with pytest.raises(ConflictError, match="paused"):
        service.move(action, "start", actor="a@example.com")
    service.move(action, "resume", actor="a@example.com")
    service.move(action, "cancel", actor="b@example.com")
    control.refresh(action)
    assert (action.status, action.outcome) == (Status.CANCELLED, "Cancelled by b@example.com.")
    assert action.finished_at is not None
    with pytest.raises(ConflictError, match="cancelled"):
        service.move(action, "cancel", actor="a@example.com")


def test_windows_are_added_changed_and_removed_unless_something_waits(
    app: Flask, control: Session, login: Login
) -> None:
    browser = login("dba")
    wanted = {"name": "Quiet", "weekday": "6", "starts": "22:00", "ends": "04:00", "zone": "Europe/Berlin"}
    assert browser.post("/database/actions/windows/new", data=wanted).status_code == 302
    assert (
        "There is a window of this name"
        in browser.post("/database/actions/windows/new", data=wanted | {"name": "quiet"}).text
    )
    assert browser.post("/database/actions/windows/new", data=wanted | {"ends": "22:00"}).status_code == 422
    found = control.scalar(select(MaintenanceWindow).where(MaintenanceWindow.name == "Quiet"))
    assert found is not None
    address = f"/database/actions/windows/{found.id}"
    assert "Europe/Berlin" in browser.get(address).text
    assert browser.post(address, data=wanted | {"weekday": ""}).status_code == 302
    control.refresh(found)
    assert found.weekday is None
    asked = browser.post(
        "/database/actions/new/vacuum?schema=tenant_acme&table=product",
        data={"reason": "bloat", "scope": "all", "when": str(found.id)},
    )
    assert asked.status_code == 302
    page = browser.get("/database/actions/").text
    assert "Vacuum product in every tenant" in page
    assert "Deferred" in page
    assert "It waits for Quiet" in browser.get(asked.location).text
    assert "1 actions wait" in browser.post(f"{address}/remove").text
    assert browser.post(f"{asked.location}/cancel").status_code == 302
    assert browser.post(f"{address}/remove").status_code == 302
    assert queries.list_windows() == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("vacuum?schema=tenant_acme&table=product", "plain VACUUM"),
        ("analyze?schema=public&table=tenant", "statistics"),
        ("reindex?schema=tenant_acme&table=product", "CONCURRENTLY"),
        ("drop_index?schema=tenant_acme&index=ix_x", "data-confirm-word"),
        ("terminate?pid=4&started=2026-01-01T00:00:00%2B00:00", "did not list this session"),
        ("vacuum_full?schema=a&table=b", "exclusive lock"),
        ("create_index?schema=a&index=b", "brought back from the page"),
        ("nonsense?schema=a", "no such action"),
        ("vacuum", "are missing"),
    ],
    ids=range(9),
)
def test_each_action_says_first_what_it_does(login: Login, address: str, words: str) -> None:
    assert words in login("dba").get(f"/database/actions/new/{address}").text


def test_an_action_needs_its_permission_a_reason_and_the_typed_name(
    app: Flask, control: Session, login: Login
) -> None:
    address = "/database/actions/new/drop_index?schema=tenant_acme&index=ix_x"
    assert login("staff", tenant="acme").get(address).status_code == 403
    browser = login("dba")
    assert browser.post(address, data={"reason": "unused", "scope": "one", "when": "now"}).status_code == 422
    wrong = {"reason": "", "scope": "one", "when": "now", "confirmation": "ix_x"}
    assert browser.post(address, data=wrong).status_code == 422
    assert control.scalar(select(MaintenanceAction.id).limit(1)) is None
    assert "Nothing waits" in browser.get("/database/actions/").text
    assert browser.get("/database/actions/999999").status_code == 404


def test_a_session_is_listed_with_buttons_that_lead_to_it(
    app: Flask, control: Session, settings: Settings, login: Login
) -> None:
    with closing(psycopg2.connect(libpq_url(settings.database_url), application_name="listed")) as link:
        link.cursor().execute("SELECT 1")
        refreshing.refresh_activity(settings)
        control.commit()
        browser, pid = login("dba"), link.info.backend_pid
        html = browser.get("/database/activity").text
        address = re.search(rf'"(/database/actions/new/terminate\?pid={pid}&amp;started=[^"]+)"', html)
        assert address is not None
        page = browser.get(unescape(address[1])).text
        assert "did not list this session" not in page
        assert "listed" in page


def test_pages_of_actions_answer_with_the_erp_away(app: Flask, login: Login) -> None:
    browser, asked = login("dba"), []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    for name in ("owner", "monitor"):
        event.listen(db.engines[name], "before_cursor_execute", note)
    try:
        for address in ("", "new/vacuum?schema=tenant_acme&table=product", "windows/new"):
            assert browser.get(f"/database/actions/{address}").status_code == 200
    finally:
        for name in ("owner", "monitor"):
            event.remove(db.engines[name], "before_cursor_execute", note)
    assert asked == []
