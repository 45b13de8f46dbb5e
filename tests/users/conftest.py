"""People to log in as, and the mails they get."""

import re
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.users.models import LoginAttempt, Operator
from dashboard.users.service import create_operator
from tests.conftest import PASSWORD

Enter = Callable[..., FlaskClient]


@pytest.fixture
def ada(app: Flask) -> Operator:
    """An operator with a role in one tenant."""
    operator = create_operator("ada@example.com", "Ada", PASSWORD, [("staff", "acme")])
    db.session.commit()
    return operator


@pytest.fixture
def enter(app: Flask) -> Enter:
    """Log an existing operator in with a browser of their own."""

    def log_in(operator: Operator, password: str = PASSWORD, **fields: str) -> FlaskClient:
        browser = app.test_client()
        answer = browser.post("/login", data={"email": operator.email, "password": password, **fields})
        assert answer.status_code == 302, answer.text
        return browser

    return log_in


@pytest.fixture(autouse=True)
def nobody_else(app: Flask, rolled_back: None, request: pytest.FixtureRequest) -> None:
    """Hide the operators that journeys in the browser keep meanwhile; the rollback brings them back."""
    if not request.node.get_closest_marker("commits"):
        db.session.execute(delete(Operator))
        db.session.commit()


@pytest.fixture
def root(app: Flask) -> Operator:
    """An administrator."""
    operator = create_operator("root@example.com", "Root", PASSWORD, [("admin", None)])
    db.session.commit()
    return operator


@pytest.fixture
def admin(root: Operator, enter: Enter) -> FlaskClient:
    """The administrator's browser."""
    return enter(root)


class Mailbox:
    """The mails written to the data folder since it was opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = set(folder.glob("*.eml"))

    def texts(self, to: str) -> list[str]:
        mails = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted(set(self.folder.glob("*.eml")) - self.seen)
        ]
        return [mail.get_content() for mail in mails if mail["To"] == to]

    def link(self, to: str) -> str:
        found = re.search(r"http\S+(/set-password\?token=\S+)", self.texts(to)[-1])
        assert found
        return found[1]


@pytest.fixture
def mailbox(settings: Settings) -> Mailbox:
    return Mailbox(settings.home / "mail")


def pass_time(seconds: int) -> None:
    """Make all login attempts this much older."""
    db.session.execute(update(LoginAttempt).values(at=LoginAttempt.at - timedelta(seconds=seconds)))
    db.session.commit()
