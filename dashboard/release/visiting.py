"""Visits the running product as a person would: plain requests, and a sign-in that lasts a few minutes."""

import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import delete, func, update

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.jobs.store import control_transaction
from dashboard.users.models import Grant, Operator, OperatorSession
from dashboard.users.roles import Role
from dashboard.users.sessions import start_session

SECONDS = 30
LIFETIME = timedelta(minutes=5)
DOMAIN = "release.invalid"  # no mail can ever be sent there


@dataclass(frozen=True)
class Answer:
    """What the product answered; status 0 when it did not."""

    status: int
    text: str
    location: str = ""
    ms: float = 0.0


def visit(base_url: str, path: str, cookie: str = "") -> Answer:
    """Ask for a page and follow nothing."""
    parts = urlsplit(base_url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    begun = time.monotonic()
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=SECONDS)) as link:
            headers = {"Accept": "text/html", "User-Agent": "steward-release"}
            if cookie:
                headers["Cookie"] = cookie
            link.request("GET", parts.path.rstrip("/") + path, headers=headers)
            answer = link.getresponse()
            body = answer.read().decode(errors="replace")
            location = answer.getheader("Location") or ""
    except (OSError, HTTPException) as error:
        return Answer(0, f"{type(error).__name__}: {error}")
    return Answer(answer.status, body, location, (time.monotonic() - begun) * 1000)


@contextmanager
def signed_in(app: Flask, *, actor: str) -> Iterator[str]:
    """Yield a cookie of an administrator without a password, who exists for as long as the block."""
    email = f"check-{secrets.token_hex(6)}@{DOMAIN}"
    operator = Operator(email=email, name="Release check", grants=[Grant(role=Role.ADMIN, tenant_slug=None)])
    db.session.add(operator)
    db.session.flush()
    token = start_session(operator, ip="", user_agent="steward-release")
    limit = update(OperatorSession).where(OperatorSession.operator_id == operator.id)
    db.session.execute(limit.values(expires_at=datetime.now(UTC) + LIFETIME))
    record_operation("release.check_login", email, actor=actor)
    db.session.commit()
    try:
        yield f"{app.config['SESSION_COOKIE_NAME']}={_sealed(app, token)}"
    finally:
        db.session.rollback()
        _forget(email)


def _sealed(app: Flask, token: str) -> str:
    """Write the cookie as the product does: it shares the secret key, or the check fails."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    if serializer is None:
        raise RuntimeError("the application has no secret key")
    return str(serializer.dumps({"_user_id": token, "_fresh": True}))


def _forget(email: str) -> None:
    """Remove the visitor, and any that a killed release left."""
    is_left = Operator.email.like(f"check-%@{DOMAIN}") & (Operator.created_at < func.now() - LIFETIME)
    with control_transaction() as session:
        session.execute(delete(Operator).where((Operator.email == email) | is_left))
