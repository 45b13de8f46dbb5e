"""The door: who gets in, who does not, and how guessing is slowed down."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from dashboard.audit.models import Operation
from dashboard.core.db import db
from dashboard.users import passwords, throttle
from dashboard.users.models import LoginAttempt, Operator, OperatorSession
from dashboard.users.service import create_operator, deactivate
from tests.conftest import PASSWORD
from tests.users.conftest import Enter, pass_time

WRONG = "E-mail or password is wrong."


def try_login(
    client: FlaskClient, email: str, password: str = "not the password", ip: str = "192.0.2.1"
) -> int:
    answer = client.post(
        "/login", data={"email": email, "password": password}, environ_base={"REMOTE_ADDR": ip}
    )
    return answer.status_code


def test_right_password_opens_the_start_page(client: FlaskClient, ada: Operator) -> None:
    answer = client.post("/login", data={"email": " ADA@Example.com ", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.location == "/"
    assert client.get("/account/").status_code == 200


def test_login_is_logged_and_stamped(client: FlaskClient, ada: Operator) -> None:
    assert try_login(client, ada.email, PASSWORD) == 302
    assert db.session.get_one(Operator, ada.id, populate_existing=True).last_login_at is not None
    query = select(Operation).where(Operation.target == ada.email).order_by(Operation.id.desc())
    entry = db.session.scalars(query).first()
    assert entry is not None
    assert (entry.action, entry.actor, str(entry.ip)) == ("login.succeed", ada.email, "192.0.2.1")


def test_failure_is_logged_without_the_password(client: FlaskClient, ada: Operator) -> None:
    try_login(client, ada.email, "my secret guess")
    query = select(Operation).where(Operation.action == "login.fail").order_by(Operation.id.desc())
    entry = db.session.scalars(query).first()
    assert entry is not None
    assert entry.target == ada.email
    assert "my secret guess" not in repr(entry.detail)


@pytest.mark.parametrize("kind", ["unknown", "wrong", "inactive", "invited"])
def test_every_refusal_reads_the_same(client: FlaskClient, ada: Operator, root: Operator, kind: str) -> None:
    if kind == "inactive":
        deactivate(ada, by_operator_id=root.id)
    if kind == "invited":
        ada.password_hash = None
    db.session.commit()
    email = "nobody@example.com" if kind == "unknown" else ada.email
    password = "not the password" if kind == "wrong" else PASSWORD
    answer = client.post("/login", data={"email": email, "password": password})
    assert answer.status_code == 401
    assert WRONG in answer.text
    assert client.get("/account/").status_code == 302


def test_unknown_account_costs_a_hash_like_a_known_one(
    client: FlaskClient, ada: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str | None] = []
    real = passwords.verify_password

    def count(stored: str | None, password: str) -> bool:
        verified.append(stored)
        return real(stored, password)

    monkeypatch.setattr(passwords, "verify_password", count)
    try_login(client, "nobody@example.com")
    try_login(client, ada.email)
    assert [stored is None for stored in verified] == [True, False]


def test_missing_input_is_said_at_the_field(client: FlaskClient, ada: Operator) -> None:
    answer = client.post("/login", data={"email": ada.email})
    assert answer.status_code == 422
    assert "Enter your password." in answer.text
    assert ada.email in answer.text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_hostile_next_leads_to_the_start_page(client: FlaskClient, ada: Operator, target: str) -> None:
    answer = client.post(
        "/login", query_string={"next": target}, data={"email": ada.email, "password": PASSWORD}
    )
    assert answer.location == "/"


def test_own_next_is_followed_through_the_form(client: FlaskClient, ada: Operator) -> None:
    page = client.get("/account/sessions")
    assert page.status_code == 302
    form = client.get(page.location)
    assert "/login?next=" in form.text
    answer = client.post(page.location, data={"email": ada.email, "password": PASSWORD})
    assert answer.location == "/account/sessions"


def test_login_page_sends_people_on_who_are_logged_in(ada: Operator, enter: Enter) -> None:
    answer = enter(ada).get("/login?next=/account/")
    assert (answer.status_code, answer.location) == (302, "/account/")


def test_login_starts_a_fresh_cookie(client: FlaskClient, ada: Operator) -> None:
    with client.session_transaction() as cookie:
        cookie.update(planted="by an attacker", tenant="acme")
    assert try_login(client, ada.email, PASSWORD) == 302
    with client.session_transaction() as cookie:
        assert "planted" not in cookie
        assert cookie["tenant"] == "acme"
        first = cookie["_user_id"]
    client.post("/logout")
    assert try_login(client, ada.email, PASSWORD) == 302
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] != first


def test_session_token_is_kept_only_as_a_hash(client: FlaskClient, ada: Operator) -> None:
    try_login(client, ada.email, PASSWORD)
    with client.session_transaction() as cookie:
        token = cookie["_user_id"]
    stored = db.session.scalars(select(OperatorSession.token_sha256)).all()
    assert len(token) >= 43
    assert token not in stored


def test_cookie_outlives_the_browser_only_when_asked(app: Flask, ada: Operator) -> None:
    for fields, lasts in (({}, False), ({"remember": "y"}, True)):
        data = {"email": ada.email, "password": PASSWORD} | fields
        answer = app.test_client().post("/login", data=data)
        cookie = answer.headers["Set-Cookie"]
        assert ("Expires=" in cookie) is lasts
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_logout_ends_the_session_on_the_server_too(client: FlaskClient, app: Flask, ada: Operator) -> None:
    try_login(client, ada.email, PASSWORD)
    with client.session_transaction() as cookie:
        stolen = dict(cookie)
    assert client.post("/logout").location == "/login"
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie.update(stolen)
    assert thief.get("/account/").status_code == 302


def test_logout_by_link_is_not_possible(client: FlaskClient) -> None:
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 302


def test_weaker_hash_is_renewed_at_login(client: FlaskClient, ada: Operator) -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415

    ada.password_hash = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    db.session.commit()
    assert try_login(client, ada.email, PASSWORD) == 302
    renewed = db.session.get_one(Operator, ada.id, populate_existing=True).password_hash
    assert renewed is not None
    assert "m=1024" in renewed


def test_third_failure_asks_to_wait_seconds(client: FlaskClient, ada: Operator) -> None:
    waits = [throttle.claim_attempt(ada.email, "192.0.2.1").wait_seconds for _ in range(5)]
    assert waits == [0, 0, 0, 2, 2]
    pass_time(3)
    assert try_login(client, ada.email, PASSWORD) == 302


def fail_five_times(client: FlaskClient, email: str, ip: str = "192.0.2.1") -> None:
    for _ in range(throttle.MAX_FAILURES):
        assert try_login(client, email, ip=ip) == 401
        pass_time(10)


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_five_failures_lock_for_fifteen_minutes_known_or_not(
    client: FlaskClient, ada: Operator, email: str
) -> None:
    fail_five_times(client, email)
    answer = client.post(
        "/login", data={"email": email, "password": PASSWORD}, environ_base={"REMOTE_ADDR": "192.0.2.1"}
    )
    assert answer.status_code == 429
    assert 880 < int(answer.headers["Retry-After"]) <= 890
    assert "Wait 15 minutes" in answer.text


def test_lock_ends_by_itself_and_trying_does_not_prolong_it(client: FlaskClient, ada: Operator) -> None:
    fail_five_times(client, ada.email)
    assert try_login(client, ada.email, PASSWORD) == 429
    pass_time(throttle.LOCKED_SECONDS)
    assert try_login(client, ada.email, PASSWORD) == 302


def test_lock_of_one_address_leaves_the_account_open_from_another(client: FlaskClient, ada: Operator) -> None:
    fail_five_times(client, ada.email)
    assert try_login(client, ada.email, PASSWORD, ip="198.51.100.7") == 302


def test_success_forgives_earlier_failures(client: FlaskClient, app: Flask, ada: Operator) -> None:
    for _ in range(2):
        assert [try_login(client, ada.email) for _ in range(2)] == [401, 401]
        assert try_login(app.test_client(), ada.email, PASSWORD) == 302


def test_address_that_guesses_over_many_accounts_is_stopped(client: FlaskClient, ada: Operator) -> None:
    db.session.add_all(
        LoginAttempt(email=f"guess-{n}@example.com", ip="192.0.2.1")
        for n in range(throttle.MAX_FAILURES_PER_ADDRESS)
    )
    db.session.commit()
    assert try_login(client, ada.email, PASSWORD) == 429
    pass_time(throttle.ADDRESS_WINDOW_SECONDS)
    assert try_login(client, ada.email, PASSWORD) == 302


def test_addresses_of_one_ipv6_customer_count_as_one() -> None:
    assert throttle.address_key("2001:db8:1:2:3:4:5:6") == throttle.address_key("2001:db8:1:2::9")
    assert throttle.address_key("2001:db8:1:3::9") != throttle.address_key("2001:db8:1:2::9")
    assert throttle.address_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert throttle.address_key("unix:") == "unix:"


def test_login_forgets_old_attempts(client: FlaskClient, ada: Operator) -> None:
    throttle.claim_attempt("somebody@example.com", "192.0.2.1")
    pass_time((throttle.KEPT_DAYS + 1) * 86_400)
    assert try_login(client, ada.email, PASSWORD) == 302
    assert db.session.scalars(select(LoginAttempt.email)).all() == [ada.email]


@pytest.mark.commits
def test_simultaneous_guesses_cannot_slip_through_the_count(app: Flask) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    def claim(_number: int) -> bool:
        with app.app_context():
            return throttle.claim_attempt("swarm@example.com", "203.0.113.5").is_refused

    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(claim, range(24)))
    with app.app_context():
        db.session.execute(delete(LoginAttempt).where(LoginAttempt.email == "swarm@example.com"))
        db.session.commit()
    assert refused.count(False) <= 3


def test_operator_without_any_role_can_log_in_and_is_told(app: Flask, enter: Enter) -> None:
    nobody = create_operator("new@example.com", "", PASSWORD, [])
    db.session.commit()
    assert "You have no role yet" in enter(nobody).get("/account/").text
