"""The signal to the outside: a real server that stops hearing pings when the watch stands still."""

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from dashboard import schedule
from dashboard.alerts import deadman, queries, service
from dashboard.alerts.deliveries.models import Delivery, Kind, Route
from dashboard.alerts.models import Alert, Signal, Silence
from dashboard.core.config import Settings
from dashboard.core.db import db
from tests.alerts.receiving import Receiver


@pytest.fixture
def outside(
    app: Flask, control: Session, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings that ping the receiver, in an app whose rules were just judged."""
    found = settings.model_copy(update={"deadman_url": receiver.url})
    monkeypatch.setitem(app.extensions, "steward_settings", found)
    service.evaluate()
    control.commit()
    return found


def ping(settings: Settings) -> bool:
    """Ping as if the minute were over."""
    db.session.execute(update(Signal).values(tried_at=datetime.now(UTC) - timedelta(minutes=2)))
    db.session.commit()
    return deadman.ping_if_due(settings)


def signal() -> Signal:
    found = db.session.get(Signal, deadman.NAME)
    assert found is not None
    return found


def fires(control: Session, rule: str, subject: str = "") -> None:
    alert = queries.find_alert(rule, subject)
    if alert is None:
        alert = Alert(rule=rule, subject=subject, severity="critical", doubt="", checked_at=datetime.now(UTC))
        control.add(alert)
    alert.state, alert.reason = "firing", "1 probe stands still"
    control.commit()


def test_outside_hears_once_a_minute_while_the_rules_are_judged(
    outside: Settings, receiver: Receiver
) -> None:
    assert deadman.ping_if_due(outside)
    assert not deadman.ping_if_due(outside)  # the minute is not over
    assert ping(outside)
    assert [got.method for got in receiver.got] == ["GET", "GET"]
    assert signal().taken_at is not None
    assert deadman.read(outside).state == "ok"


def test_outside_hears_nothing_when_nobody_judges(
    outside: Settings, receiver: Receiver, control: Session
) -> None:
    control.execute(update(Alert).values(checked_at=datetime.now(UTC) - timedelta(seconds=41)))
    control.commit()
    assert not ping(outside)
    assert receiver.got == []
    assert signal().held_for.startswith("The rules were last judged at")
    assert deadman.read(outside).state == "stopped"
    service.evaluate()
    control.commit()
    assert ping(outside)
    assert (signal().held_for, signal().held_since) == ("", None)


def test_outside_hears_nothing_before_the_first_judgement(
    outside: Settings, receiver: Receiver, control: Session
) -> None:
    control.execute(update(Alert).values(checked_at=datetime.now(UTC) - timedelta(days=1)))
    control.commit()
    assert not deadman.ping_if_due(outside)
    assert receiver.got == []


def test_outside_hears_nothing_while_a_probe_stands_still_unless_that_is_known(
    outside: Settings, receiver: Receiver, control: Session
) -> None:
    fires(control, "health.probes_stale")
    assert not ping(outside)
    assert signal().held_for == "1 probe stands still"
    now = datetime.now(UTC)
    control.add(
        Silence(
            rule="health.probes_stale",
            starts_at=now - timedelta(minutes=1),
            ends_at=now + timedelta(minutes=5),
            reason="paused by hand",
            actor="ada@example.com",
        )
    )
    control.commit()
    assert ping(outside)


def test_outside_hears_nothing_while_messages_lie_about(
    outside: Settings, receiver: Receiver, control: Session
) -> None:
    route = Route(name="on call", kind=Kind.MAIL, address="dba@example.com", severities=[], areas=[])
    control.add(route)
    control.flush()
    old = datetime.now(UTC) - timedelta(minutes=6)
    control.add(Delivery(route_id=route.id, content={}, created_at=old, due_at=old))
    control.commit()
    assert not ping(outside)
    assert "nobody sends it" in signal().held_for


def test_outside_hears_nothing_when_no_route_works_but_one_is_enough(
    outside: Settings, receiver: Receiver, control: Session
) -> None:
    for name in ("a", "b"):
        control.add(Route(name=name, kind=Kind.MAIL, address="dba@example.com", severities=[], areas=[]))
    fires(control, "alerts.delivery_failing", "a")
    assert ping(outside)
    fires(control, "alerts.delivery_failing", "b")
    assert not ping(outside)
    assert signal().held_for == "Nothing arrives anywhere: a, b."


@pytest.mark.breaks("alerts.deadman_unheard")
def test_outside_that_does_not_take_the_ping_is_an_alert(
    outside: Settings, receiver: Receiver, control: Session
) -> None:
    now = datetime.now(UTC)

    def state(seconds: int) -> str:
        service.evaluate(now + timedelta(seconds=seconds))
        control.commit()
        found = queries.find_alert("alerts.deadman_unheard", "")
        assert found is not None
        return str(found.state)

    receiver.status = 404
    assert not ping(outside)
    assert state(0) == "pending"
    assert state(60) == "firing"
    found = queries.find_alert("alerts.deadman_unheard", "")
    assert found is not None
    assert found.reason == "It answered with HTTP 404. The last ping was taken at never."
    assert deadman.read(outside).state == "failed"
    receiver.status = 200
    assert ping(outside)
    assert state(70) == "firing"
    assert state(130) == "ok"


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:1/", "connection refused"), ("http://a host/", "no blanks")],
    ids=["refused", "wrong"],
)
def test_ping_that_cannot_be_sent_is_said(outside: Settings, url: str, words: str) -> None:
    assert not ping(outside.model_copy(update={"deadman_url": url}))
    assert words in signal().error


def test_nothing_is_sent_where_it_is_not_set_up(app: Flask, settings: Settings, receiver: Receiver) -> None:
    assert not deadman.ping_if_due(settings)
    assert deadman.read(settings).state == "none"
    assert receiver.got == []


def test_schedule_process_pings_without_any_job(app: Flask, outside: Settings, receiver: Receiver) -> None:
    """Nothing but this thread runs; when it stops, the outside hears nothing more."""

    class Twice(Event):
        paused = 0

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == schedule.WATCH_SECONDS
            self.paused += 1
            return self.paused > 2

    schedule._tell(app, Twice())
    assert len(receiver.got) == 1


def test_away_control_database_is_no_ping(outside: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_now: datetime) -> str:
        raise OSError("gone")

    monkeypatch.setattr(deadman, "standstill", away)
    assert not deadman.ping_if_due(outside)
