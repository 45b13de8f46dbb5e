"""What every response carries, and forms that come from elsewhere."""

import re
from functools import partial

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.users.models import Operator
from dashboard.users.service import create_operator
from tests.conftest import PASSWORD


@pytest.fixture
def https_app(settings: Settings) -> Flask:
    """The product as it runs behind one proxy that speaks TLS."""
    update = {"base_url": "https://steward.example.com", "trusted_proxies": 1}
    app = create_app(settings.model_copy(update=update))
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False)
    return app


@pytest.fixture
def csrf(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check forms as in production."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", value=True)


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/login", "/account/", "/no-such-page"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    for part in (
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "font-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
    ):
        assert part in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_scripts_of_a_page_carry_the_nonce_of_its_policy(client: FlaskClient) -> None:
    first, second = client.get("/login"), client.get("/login")
    nonce = re.search(r"script-src 'nonce-([^']+)'", first.headers["Content-Security-Policy"])
    assert nonce
    scripts = re.findall(r"<script[^>]*>", first.text)
    assert scripts
    assert all(f'nonce="{nonce[1]}"' in script for script in scripts)
    assert nonce[1] not in second.headers["Content-Security-Policy"]


def test_pages_hold_no_inline_style_or_handler(client: FlaskClient) -> None:
    for path in ("/login", "/forgotten-password", "/set-password"):
        page = client.get(path).text
        assert not re.search(r"\sstyle=|<style|\son\w+=\"", page)


def test_static_files_may_be_cached(client: FlaskClient) -> None:
    with client.get("/static/css/steward.css") as answer:
        assert answer.status_code == 200
        assert "no-store" not in answer.headers["Cache-Control"]


def test_request_id_is_ours_and_never_the_visitors(client: FlaskClient) -> None:
    answers = [client.get("/login", headers={"X-Request-Id": "chosen"}) for _ in range(2)]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert all(re.fullmatch(r"[0-9a-f]{32}", request_id) for request_id in ids)
    assert ids[0] != ids[1]


def test_cookie_is_named_by_port_and_closed_to_scripts(client: FlaskClient, settings: Settings) -> None:
    cookie = client.get("/login").headers["Set-Cookie"]
    assert cookie.startswith(f"steward_{settings.port}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_over_https_cookie_and_headers_insist_on_it(https_app: Flask) -> None:
    answer = https_app.test_client().get("/login", headers={"X-Forwarded-Proto": "https"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-steward=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_address_of_the_visitor_comes_from_trusted_proxies_only(https_app: Flask, app: Flask) -> None:
    spoofed = {"X-Forwarded-For": "198.51.100.9, 203.0.113.4"}
    for product, expected in ((https_app, "203.0.113.4"), (app, "127.0.0.1")):
        seen: list[str | None] = []
        product.before_request_funcs.setdefault(None, []).insert(0, partial(note_address, seen))
        product.test_client().get("/login", headers=spoofed)
        product.before_request_funcs[None].pop(0)
        assert seen == [expected]


def note_address(seen: list[str | None]) -> None:
    seen.append(request.remote_addr)


def test_form_without_token_is_refused_with_a_friendly_page(client: FlaskClient, csrf: None) -> None:
    answer = client.post("/login", data={"email": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 400
    assert "This form is no longer valid" in answer.text
    assert "Nothing was saved" in answer.text


def test_form_with_its_token_is_taken(client: FlaskClient, csrf: None, person: Operator) -> None:
    token = token_of(client.get("/login").text)
    data = {"email": person.email, "password": PASSWORD, "csrf_token": token}
    assert client.post("/login", data=data).status_code == 302


def test_token_of_another_visitor_is_refused(app: Flask, client: FlaskClient, csrf: None) -> None:
    foreign = token_of(app.test_client().get("/login").text)
    client.get("/login")
    assert client.post("/logout", data={"csrf_token": foreign}).status_code == 400


def test_token_from_before_the_login_does_not_work_after_it(
    client: FlaskClient, csrf: None, person: Operator
) -> None:
    token = token_of(client.get("/login").text)
    client.post("/login", data={"email": person.email, "password": PASSWORD, "csrf_token": token})
    assert client.post("/logout", data={"csrf_token": token}).status_code == 400


@pytest.fixture
def person(app: Flask) -> Operator:
    operator = create_operator("ada@example.com", "Ada", PASSWORD, [("staff", "acme")])
    db.session.commit()
    return operator
