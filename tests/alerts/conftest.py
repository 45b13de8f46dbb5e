"""No alert, no answer, no route and no reading is there before a test: others of the session leave theirs."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.alerts import badge, queries, service
from dashboard.alerts.deliveries.models import Route
from dashboard.alerts.models import Alert, AlertEvent, Signal, Silence
from dashboard.alerts.registry import Answer, Breach, Condition, Watch
from dashboard.alerts.rules import load
from dashboard.core.config import Settings
from dashboard.health.models import Reading
from tests.alerts.receiving import Receiver, receiving


@pytest.fixture(autouse=True)
def unobserved(app: Flask, control: Session) -> None:
    """Begin with nothing read and nothing judged; rolled back afterwards."""
    for model in (AlertEvent, Alert, Silence, Route, Signal, Reading):
        control.execute(delete(model))
    badge.forget()


@dataclass
class Desk:
    """One rule whose condition says what the test tells it to, judged at times of the test's own."""

    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    answer: Answer | Exception = field(default_factory=list)
    watch: Watch | None = None
    key: str = "backups.archive_queue_long"

    def ask(self, watch: Watch) -> Answer:
        self.watch = watch
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def at(self, seconds: float, answer: Answer | Exception) -> dict[str, str]:
        """Judge `seconds` after the start; return the states by subject."""
        self.answer = answer
        service.evaluate(self.start + timedelta(seconds=seconds))
        return {alert.subject: str(alert.state) for alert in queries.list_alerts(self.key)}


def bad(reason: str = "17 files wait", subject: str = "") -> list[Breach]:
    return [Breach(subject, reason)]


@pytest.fixture
def desk(app: Flask, control: Session, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A rule that fires after 20 s and clears after 60 s."""
    found = Desk()
    rule = replace(load()[found.key], for_seconds=20, clear_seconds=60)
    monkeypatch.setitem(app.extensions, "alert_rules", {rule.key: rule})
    monkeypatch.setitem(app.extensions, "alert_conditions", {rule.key: Condition(rule.key, found.ask, 10)})
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server on this machine that keeps what it gets."""
    with receiving() as found:
        yield found


@pytest.fixture
def reaching(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an app whose administrator lets webhooks reach this machine."""
    changed = settings.model_copy(
        update={"webhook_hosts": ("127.0.0.1",), "base_url": "https://steward.example.com"}
    )
    monkeypatch.setitem(app.extensions, "steward_settings", changed)
    return changed
