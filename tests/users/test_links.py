"""Links in mails: single use, short lived, and no word about who exists."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from dashboard.core.db import db
from dashboard.users import authentication, service, throttle
from dashboard.users.models import Operator, OperatorToken
from tests.conftest import PASSWORD
from tests.users.conftest import Enter, Mailbox, pass_time

NEW = "another long sentence"


def ask(client: FlaskClient, email: str) -> str:
    answer = client.post("/forgotten-password", data={"email": email}, buffered=True)
    assert answer.status_code == 200
    text = answer.text
    answer.close()
    return text


def choose(client: FlaskClient, password: str = NEW) -> int:
    return client.post("/set-password", data={"password": password, "repeated": password}).status_code


def test_forgotten_password_is_set_by_the_mailed_link(
    client: FlaskClient, ada: Operator, enter: Enter, mailbox: Mailbox
) -> None:
    elsewhere = enter(ada)
    ask(client, "ADA@example.com ")
    text = mailbox.texts(ada.email)[0]
    assert "Steward" in text
    assert "somebody, probably you, asked" in text
    opened = client.get(mailbox.link(ada.email))
    assert (opened.status_code, opened.location) == (302, "/set-password")
    assert ada.email in client.get("/set-password").text
    assert choose(client) == 302
    assert elsewhere.get("/account/").status_code == 302
    assert enter(ada, NEW)


def test_answer_is_the_same_for_known_unknown_and_inactive(
    client: FlaskClient, ada: Operator, root: Operator, mailbox: Mailbox
) -> None:
    def visible(email: str) -> str:
        return ask(client, email).split("<main")[1]

    known = visible(root.email)
    service.deactivate(ada, by_operator_id=root.id)
    db.session.commit()
    assert visible("nobody@example.com") == known == visible(ada.email)
    assert mailbox.texts("nobody@example.com") == []
    assert mailbox.texts(ada.email) == []


def test_forgotten_page_asks_for_an_address(client: FlaskClient) -> None:
    assert "Forgotten password" in client.get("/forgotten-password").text
    assert client.post("/forgotten-password", data={"email": ""}).status_code == 422


def test_mailbox_is_not_flooded(client: FlaskClient, ada: Operator, mailbox: Mailbox) -> None:
    for _ in range(service.MAX_RESETS_PER_HOUR + 2):
        ask(client, ada.email)
    assert len(mailbox.texts(ada.email)) == service.MAX_RESETS_PER_HOUR


def test_failing_mail_server_does_not_break_the_page(
    client: FlaskClient, ada: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.core.errors import UnavailableError  # noqa: PLC0415
    from dashboard.users import mails  # noqa: PLC0415

    def fail(*_args: object) -> str:
        raise UnavailableError("mail", "away")

    monkeypatch.setattr(mails, "send_mail", fail)
    assert "on its way" in ask(client, ada.email)


def make_link(operator: Operator, purpose: str = "reset") -> str:
    token = service.issue_token(operator, purpose)
    db.session.commit()
    return token


def test_new_password_by_link_ends_a_lock(client: FlaskClient, ada: Operator) -> None:
    for _ in range(throttle.MAX_FAILURES):
        client.post("/login", data={"email": ada.email, "password": "a wrong guess"})
        pass_time(10)
    assert client.post("/login", data={"email": ada.email, "password": PASSWORD}).status_code == 429
    client.get(f"/set-password?token={make_link(ada)}")
    choose(client)
    assert client.post("/login", data={"email": ada.email, "password": NEW}).status_code == 302


def test_link_works_once(client: FlaskClient, app: Flask, ada: Operator) -> None:
    token = make_link(ada)
    client.get(f"/set-password?token={token}")
    assert choose(client) == 302
    second = app.test_client()
    second.get(f"/set-password?token={token}")
    assert second.get("/set-password").status_code == 410
    assert choose(second, "yet another sentence") == 410


def test_used_link_is_refused_even_in_a_race(app: Flask, ada: Operator) -> None:
    from dashboard.core.errors import ConflictError  # noqa: PLC0415

    token = make_link(ada)
    authentication.set_password_by_link(token, NEW)
    with pytest.raises(ConflictError, match="used already"):
        authentication.set_password_by_link(token, NEW)


@pytest.mark.parametrize("token", ["", "made-up", "x" * 1000])
def test_unknown_link_says_so(client: FlaskClient, token: str) -> None:
    client.get("/set-password", query_string={"token": token})
    answer = client.get("/set-password")
    assert answer.status_code == 410
    assert "no longer works" in answer.text


@pytest.mark.parametrize(("purpose", "hours"), [("reset", 1), ("invite", 7 * 24)])
def test_link_expires(app: Flask, ada: Operator, purpose: str, hours: int) -> None:
    token = make_link(ada, purpose)
    for passed, works in ((timedelta(hours=hours, minutes=-1), True), (timedelta(minutes=2), False)):
        db.session.execute(update(OperatorToken).values(expires_at=OperatorToken.expires_at - passed))
        db.session.commit()
        assert (authentication.find_link(token) is not None) is works
    assert datetime.now(UTC)


def test_newer_link_voids_the_earlier_one(app: Flask, ada: Operator) -> None:
    first, second = make_link(ada), make_link(ada)
    assert authentication.find_link(first) is None
    assert authentication.find_link(second) is not None


def test_link_of_a_deactivated_operator_is_void(app: Flask, ada: Operator, root: Operator) -> None:
    token = make_link(ada)
    service.deactivate(ada, by_operator_id=root.id)
    service.reactivate(ada)
    db.session.commit()
    assert authentication.find_link(token) is None


@pytest.mark.parametrize("password", ["short", "password1234", "ada@example.com"])
def test_weak_password_keeps_link_and_old_password(
    client: FlaskClient, ada: Operator, enter: Enter, password: str
) -> None:
    client.get(f"/set-password?token={make_link(ada)}")
    assert choose(client, password) == 422
    assert enter(ada, PASSWORD)
    assert choose(client) == 302


def test_repeated_password_must_be_the_same(client: FlaskClient, ada: Operator) -> None:
    client.get(f"/set-password?token={make_link(ada)}")
    answer = client.post("/set-password", data={"password": NEW, "repeated": NEW + "x"})
    assert answer.status_code == 422
    assert "differ" in answer.text
