"""People talk about a record on its page, and hear of it through the bell."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.collaboration.models import Activity, Comment, Notification
from dashboard.core.caching import caches
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.factories import SupplierFactory

RECORDS = "/t/acme/records"


@pytest.fixture
def supplier(acme: TenantRef) -> int:
    """A supplier to talk about."""
    with use_tenant(acme, actor="maker@example.com") as session:
        made = SupplierFactory(name="Talked About Ltd")
        session.commit()
        return int(made.id)


@pytest.fixture
def ada(login: Callable[..., FlaskClient]) -> FlaskClient:
    """Somebody with the role staff."""
    return login("staff", tenant="acme")


@pytest.fixture
def bo(login: Callable[..., FlaskClient]) -> FlaskClient:
    """Somebody else with the role staff."""
    return login("staff", tenant="acme")


def newest(acme: TenantRef, model: Any) -> Any:
    with use_tenant(acme, actor="reader@example.com") as session:
        return session.scalars(select(model).order_by(model.id.desc())).first()


def say(browser: FlaskClient, supplier: int, body: str) -> Any:
    return browser.post(f"{RECORDS}/supplier/{supplier}/comments", data={"body": body})


def test_a_comment_is_told_changed_and_taken_back_by_its_author(
    supplier: int, ada: FlaskClient, bo: FlaskClient, acme: TenantRef
) -> None:
    assert say(ada, supplier, "Call them <b>soon</b>").status_code == 302
    page = ada.get(f"{RECORDS}/supplier/{supplier}").text
    assert "Call them &lt;b&gt;soon&lt;/b&gt;" in page
    number = newest(acme, Comment).id
    edit, delete = (f"{RECORDS}/comments/{number}/{verb}" for verb in ("edit", "delete"))
    assert bo.get(edit).status_code == bo.post(edit, data={"body": "Eve"}).status_code == 403
    assert bo.post(delete).status_code == 403
    assert edit not in bo.get(f"{RECORDS}/supplier/{supplier}/history").text
    assert "Call them" in ada.get(edit).text
    assert ada.post(edit, data={"body": "Call them today"}).status_code == 302
    only = ada.get(f"{RECORDS}/supplier/{supplier}/history?kind=comment").text
    assert "Call them today" in only
    assert ada.post(delete).status_code == 302
    assert "Call them" not in ada.get(f"{RECORDS}/supplier/{supplier}/history?kind=comment").text
    assert ada.post(delete).status_code == 404


@pytest.mark.parametrize("body", ["", "  ", "a\x00b", "x" * 10_001])
def test_a_refused_comment_is_shown_as_it_was_typed(
    body: str, supplier: int, ada: FlaskClient, acme: TenantRef
) -> None:
    answer = say(ada, supplier, body)
    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert body.replace("\x00", "") in answer.text.replace("\x00", "")
    assert say(ada, supplier, "Fine").status_code == 302
    edit = f"{RECORDS}/comments/{newest(acme, Comment).id}/edit"
    assert ada.post(edit, data={"body": body}).status_code == 422


def test_who_is_mentioned_sees_the_bell(supplier: int, ada: FlaskClient, bo: FlaskClient) -> None:
    caches.default.backend.clear()
    say(ada, supplier, f"@{bo.email} please look")  # type: ignore[attr-defined]
    place = f"{RECORDS}/notifications/"
    page = bo.get(place).text
    assert "Notifications, 1 unread" in page
    assert f"{ada.email} mentioned you on supplier Talked About Ltd" in page  # type: ignore[attr-defined]
    assert f"/supplier/{supplier}" in page
    assert "Notifications, " not in ada.get(place).text
    one = re.findall(r"/notifications/(\d+)/read", page)[0]
    assert ada.post(f"{place}{one}/read").status_code == 302
    assert "1 unread" in bo.get(place).text
    assert bo.post(f"{place}{one}/read").status_code == 302
    assert "unread" not in bo.get(place).text.replace("is-unread", "")


def test_everything_is_read_at_once(supplier: int, ada: FlaskClient, bo: FlaskClient) -> None:
    caches.default.backend.clear()
    for _ in range(3):
        say(ada, supplier, f"@{bo.email}")  # type: ignore[attr-defined]
    assert "3 unread" in bo.get(f"{RECORDS}/notifications/").text
    bo.post(f"{RECORDS}/notifications/read")
    assert "3 unread" not in bo.get(f"{RECORDS}/notifications/").text


def test_an_activity_is_given_done_and_opened_again(
    supplier: int, ada: FlaskClient, bo: FlaskClient, acme: TenantRef
) -> None:
    typed = {"title": "Ask for samples", "assignee": bo.email, "due_on": "2031-05-01", "note": "Ten"}  # type: ignore[attr-defined]
    assert ada.post(f"{RECORDS}/supplier/{supplier}/activities", data=typed).status_code == 302
    assert newest(acme, Notification).recipient == bo.email  # type: ignore[attr-defined]
    page = bo.get(f"{RECORDS}/supplier/{supplier}").text
    assert "Ask for samples" in page
    assert "due on" in page
    assert "1 May 2031" in page
    number = newest(acme, Activity).id
    assert bo.post(f"{RECORDS}/activities/{number}/done").status_code == 302
    assert newest(acme, Activity).done_by == bo.email  # type: ignore[attr-defined]
    assert "Done by" in bo.get(f"{RECORDS}/supplier/{supplier}/history?kind=activity").text
    assert ada.post(f"{RECORDS}/activities/{number}/open").status_code == 302
    assert newest(acme, Activity).done_at is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 201),
        ("due_on", "tomorrow"),
        ("assignee", "nobody@example.com"),
        ("note", "\x00"),
    ],
)
def test_a_refused_activity_is_shown_as_it_was_typed(
    field: str, value: str, supplier: int, ada: FlaskClient
) -> None:
    good = {"title": "Call", "assignee": ada.email, "due_on": "2031-05-01", "note": "Ten pieces"}  # type: ignore[attr-defined]
    answer = ada.post(f"{RECORDS}/supplier/{supplier}/activities", data=good | {field: value})
    assert answer.status_code == 422
    assert f'id="activity-{field}-error"' in answer.text
    for kept in (good | {field: value}).values():
        assert kept.strip("\x00") in answer.text


def test_nobody_talks_about_what_is_not_there(ada: FlaskClient, login: Callable[..., FlaskClient]) -> None:
    for place in ("supplier/987654321", "nothing/1"):
        assert ada.post(f"{RECORDS}/{place}/comments", data={"body": "x"}).status_code == 404
        assert ada.post(f"{RECORDS}/{place}/activities", data={"title": "x"}).status_code == 404
    assert ada.post(f"{RECORDS}/activities/987654321/done").status_code == 404
    manager = login("manager", tenant="acme")
    assert manager.post(f"{RECORDS}/supplier/1/comments", data={"body": "x"}).status_code == 403


def test_a_reader_sees_what_is_said(
    supplier: int, ada: FlaskClient, login: Callable[..., FlaskClient]
) -> None:
    say(ada, supplier, "Seen by all")
    manager = login("manager", tenant="acme")
    page = manager.get(f"{RECORDS}/supplier/{supplier}").text
    assert "Seen by all" in page
    assert 'name="body"' not in page
