"""Sessions: one query a request, sliding and absolute ends, revocation that counts at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, update

from dashboard.core.db import db
from dashboard.users import queries
from dashboard.users.models import Operator, OperatorSession
from dashboard.users.service import add_grant, deactivate, remove_grant
from tests.conftest import PASSWORD
from tests.users.conftest import Enter

NEW = "another long sentence"


def is_in(browser: FlaskClient) -> bool:
    return browser.get("/account/").status_code == 200


def age(operator: Operator, **columns: Any) -> None:
    query = update(OperatorSession).where(OperatorSession.operator_id == operator.id)
    db.session.execute(query.values(**columns))
    db.session.commit()


def test_unused_session_ends_after_twelve_hours(ada: Operator, enter: Enter) -> None:
    browser = enter(ada)
    age(ada, last_seen_at=datetime.now(UTC) - timedelta(hours=11, minutes=59))
    assert is_in(browser)
    age(ada, last_seen_at=datetime.now(UTC) - timedelta(hours=12, minutes=1))
    assert not is_in(browser)


def test_remembered_session_outlives_a_pause_but_not_thirty_days(ada: Operator, enter: Enter) -> None:
    browser = enter(ada, remember="y")
    age(ada, last_seen_at=datetime.now(UTC) - timedelta(days=9))
    assert is_in(browser)
    age(ada, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert not is_in(browser)


def test_use_in_use_is_noted_once_a_minute(ada: Operator, enter: Enter) -> None:
    browser = enter(ada)
    seen = select(OperatorSession.last_seen_at).where(OperatorSession.operator_id == ada.id)
    recent = datetime.now(UTC) - timedelta(seconds=50)
    age(ada, last_seen_at=recent)
    assert is_in(browser)
    assert db.session.scalar(seen) == recent
    old = datetime.now(UTC) - timedelta(seconds=90)  # now() is when the test's one transaction began
    age(ada, last_seen_at=old)
    assert is_in(browser)
    assert (db.session.scalar(seen) or old) > old


def test_person_session_and_grants_cost_one_query(app: Flask, ada: Operator, enter: Enter) -> None:
    with enter(ada).session_transaction() as cookie:
        token = cookie["_user_id"]
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "SELECT" in statement:
            statements.append(statement)

    event.listen(db.engines["control"], "before_cursor_execute", note)
    try:
        identity = queries.find_identity(token)
    finally:
        event.remove(db.engines["control"], "before_cursor_execute", note)
    assert identity is not None
    assert identity.grants == (("staff", "acme"),)
    assert len(statements) == 1


@pytest.mark.parametrize("token", ["", "guess", "x" * 500, "\x00"])
def test_made_up_token_is_nobody(app: Flask, token: str) -> None:
    assert queries.find_identity(token) is None


def test_forged_cookie_opens_nothing(client: FlaskClient) -> None:
    client.set_cookie("steward_8000", "eyJfdXNlcl9pZCI6IjEifQ.aaaa.bbbb")
    assert not is_in(client)


def test_revoked_session_ends_with_its_very_next_request(ada: Operator, enter: Enter) -> None:
    here, there = enter(ada), enter(ada)
    sessions = queries.list_sessions(ada.id)
    assert len(sessions) == 2
    other = min(session.id for session in sessions)  # `here` logged in first
    assert there.post(f"/account/sessions/{other}/revoke").status_code == 302
    assert not is_in(here)
    assert is_in(there)


def test_sign_out_everywhere_else_keeps_only_this_browser(ada: Operator, enter: Enter) -> None:
    browsers = [enter(ada) for _ in range(3)]
    page = browsers[2].get("/account/sessions").text
    assert "Sign out everywhere else" in page
    assert "(this one)" in page
    assert browsers[2].post("/account/sessions/revoke-others").status_code == 302
    assert [is_in(browser) for browser in browsers] == [False, False, True]
    assert "Sign out everywhere else" not in browsers[2].get("/account/sessions").text


def test_session_of_somebody_else_cannot_be_ended(ada: Operator, root: Operator, enter: Enter) -> None:
    victim, attacker = enter(root), enter(ada)
    target = queries.list_sessions(root.id)[0].id
    assert attacker.post(f"/account/sessions/{target}/revoke").status_code == 404
    assert is_in(victim)


def test_deactivated_operator_is_out_at_once(ada: Operator, root: Operator, enter: Enter) -> None:
    browser = enter(ada)
    deactivate(ada, by_operator_id=root.id)
    db.session.commit()
    assert not is_in(browser)


def test_changed_grants_count_from_the_next_request(ada: Operator, root: Operator, enter: Enter) -> None:
    browser = enter(ada)
    assert browser.get("/admin/operators/").status_code == 403
    add_grant(ada, "admin", None)
    db.session.commit()
    assert browser.get("/admin/operators/").status_code == 200
    grant = next(grant for grant in ada.grants if grant.role == "admin")
    remove_grant(ada, grant.id, by_operator_id=root.id)
    db.session.commit()
    assert browser.get("/admin/operators/").status_code == 403


def change(browser: FlaskClient, current: str = PASSWORD, new: str = NEW, again: str = "") -> Any:
    data = {"current": current, "password": new, "repeated": again or new}
    return browser.post("/account/password", data=data)


def test_changed_password_ends_the_other_sessions(ada: Operator, enter: Enter) -> None:
    elsewhere, here = enter(ada), enter(ada)
    assert change(here).status_code == 302
    assert not is_in(elsewhere)
    assert is_in(here)
    assert enter(ada, NEW)


def test_change_needs_the_current_password(ada: Operator, enter: Enter) -> None:
    answer = change(enter(ada), current="something else")
    assert answer.status_code == 422
    assert "not your current password" in answer.text
    assert enter(ada, PASSWORD)


def test_change_refuses_weak_and_differing_passwords(ada: Operator, enter: Enter) -> None:
    browser = enter(ada)
    weak = change(browser, new="short")
    assert (weak.status_code, "at least 12" in weak.text) == (422, True)
    differing = change(browser, again="another long sentenze")
    assert (differing.status_code, "two passwords differ" in differing.text) == (422, True)


def test_password_form_is_shown(ada: Operator, enter: Enter) -> None:
    assert "Current password" in enter(ada).get("/account/password").text


def test_profile_is_saved_and_shown(ada: Operator, enter: Enter) -> None:
    browser = enter(ada)
    answer = browser.post("/account/", data={"name": "Ada L.", "timezone": "Europe/Paris"})
    assert answer.status_code == 302
    page = browser.get("/account/").text
    assert "Ada L." in page
    assert '<option selected value="Europe/Paris">' in page


@pytest.mark.parametrize("data", [{"name": "", "timezone": "UTC"}, {"name": "Ada", "timezone": "Mars/Base"}])
def test_profile_refuses_an_empty_name_and_an_unknown_zone(
    ada: Operator, enter: Enter, data: dict[str, str]
) -> None:
    assert enter(ada).post("/account/", data=data).status_code == 422


def test_account_page_explains_why_something_is_closed(ada: Operator, enter: Enter) -> None:
    page = enter(ada).get("/account/?permission=database.backups.run").text
    assert "needs the role DBA or Admin for all tenants; you have Staff for acme" in page


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/131.0 Safari/537.36 Edg/131.0", "Edge on Windows"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown device"),
    ],
)
def test_device_has_a_name_people_know(app: Flask, user_agent: str, name: str) -> None:
    assert app.jinja_env.filters["device"](user_agent) == name
