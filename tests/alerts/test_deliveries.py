"""Who is told what: one message per route and evaluation, again after a while, over, at night, silenced."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.alerts import answers, service
from dashboard.alerts.answers import Wanted
from dashboard.alerts.deliveries import composing
from dashboard.alerts.deliveries.models import Delivery, Kind, Route, Told
from dashboard.alerts.models import Silence
from dashboard.alerts.registry import Breach
from tests.alerts.conftest import Desk, bad

BASE = "https://steward.example.com"


@pytest.fixture
def route(desk: Desk, control: Session) -> Route:
    return new_route(control)


def new_route(control: Session, **changed: Any) -> Route:
    facts = {"name": "on call", "kind": Kind.MAIL, "address": "dba@example.com", "repeat_seconds": 3600}
    made = Route(**{**facts, "severities": [], "areas": [], **changed})
    control.add(made)
    control.flush()
    return made


def outbox(control: Session, route: Route | None = None) -> list[str]:
    """The messages written so far, as "fires 2, over 1"."""
    query = select(Delivery).order_by(Delivery.created_at)
    rows = control.scalars(query.where(Delivery.route_id == route.id) if route else query)
    return [
        ", ".join(
            f"{name} {len(row.content[name])}" for name in ("fires", "still", "over") if row.content[name]
        )
        for row in rows
    ]


def fire(desk: Desk, at: float = 0) -> None:
    desk.at(at, bad())
    desk.at(at + 20, bad())


def test_firing_and_its_end_are_told_once_each(desk: Desk, route: Route, control: Session) -> None:
    desk.at(0, bad())
    assert outbox(control) == []  # what is pending wakes nobody
    desk.at(20, bad())
    desk.at(30, bad("more wait"))
    assert outbox(control) == ["fires 1"]
    desk.at(40, [])
    desk.at(100, [])
    desk.at(110, [])
    assert outbox(control) == ["fires 1", "over 1"]


def test_message_is_written_in_the_transaction_of_its_alert(
    desk: Desk, route: Route, control: Session
) -> None:
    savepoint = control.begin_nested()
    fire(desk)
    assert outbox(control) == ["fires 1"]
    savepoint.rollback()
    assert outbox(control) == []


def test_many_that_fire_together_are_one_message(desk: Desk, route: Route, control: Session) -> None:
    many = [Breach(f"slot_{index:02}", "lost") for index in range(60)]
    desk.at(0, many)
    desk.at(20, many)
    (row,) = control.scalars(select(Delivery))
    assert (len(row.content["fires"]), row.content["more"]) == (50, 10)
    assert composing.subject(row.content).endswith("and 59 more")
    text = composing.text(row.content, BASE)
    assert text.count("What to do:") == 10
    assert "… and 50 more." in text
    assert len(control.scalars(select(Told)).all()) == 60


def test_unanswered_alert_is_said_again_and_an_acknowledged_one_is_not(
    desk: Desk, route: Route, control: Session
) -> None:
    fire(desk)
    desk.at(3000, bad())
    assert outbox(control) == ["fires 1"]
    desk.at(3620, bad())
    assert outbox(control) == ["fires 1", "still 1"]
    answers.acknowledge(desk.key, "", "", actor="ada@example.com")
    desk.at(9000, bad())
    assert outbox(control) == ["fires 1", "still 1"]
    answers.take_back(desk.key, "", actor="ada@example.com")
    desk.at(9010, bad())
    assert outbox(control)[-1] == "still 1"


def test_route_without_repetition_says_it_once(desk: Desk, control: Session) -> None:
    new_route(control, repeat_seconds=0)
    fire(desk)
    desk.at(90_000, bad())
    assert outbox(control) == ["fires 1"]


def test_silence_mutes_and_what_still_fires_at_its_end_is_told(
    desk: Desk, route: Route, control: Session
) -> None:
    begin = desk.start
    control.add(
        Silence(rule=desk.key, starts_at=begin, ends_at=begin + timedelta(seconds=500), reason="x", actor="a")
    )
    fire(desk)
    desk.at(499, bad())
    assert outbox(control) == []
    desk.at(500, bad())
    assert outbox(control) == ["fires 1"]


def test_end_is_told_to_whoever_was_told_the_beginning(desk: Desk, route: Route, control: Session) -> None:
    fire(desk)
    ends_at = datetime.now(UTC) + timedelta(hours=2)
    wanted = Wanted(desk.key, None, None, ends_at, "working on it")
    answers.silence(wanted, service.rules(), actor="ada@example.com")
    desk.at(30, [])
    desk.at(90, [])
    assert outbox(control) == ["fires 1", "over 1"]
    fire(desk, 100)
    desk.at(130, [])
    desk.at(190, [])
    assert outbox(control) == ["fires 1", "over 1"]  # nobody was told of this one


def test_warnings_wait_for_the_morning(desk: Desk, control: Session) -> None:
    night = (desk.start.replace(tzinfo=UTC) - timedelta(hours=1)).time().replace(tzinfo=None)
    morning = (desk.start + timedelta(hours=7)).time().replace(tzinfo=None)
    new_route(control, quiet_from=night, quiet_until=morning)
    fire(desk)
    assert outbox(control) == []
    desk.at(7 * 3600 + 60, bad())
    assert outbox(control) == ["fires 1"]


@pytest.mark.parametrize(
    ("severity", "clock", "quiet"),
    [
        ("warning", "23:30", True),
        ("warning", "05:59", True),
        ("warning", "06:00", False),
        ("warning", "12:00", False),
        ("critical", "23:30", False),
    ],
    ids=["late", "early", "morning", "noon", "critical"],
)
def test_night_reaches_over_midnight_and_counts_for_warnings_only(
    severity: str, clock: str, quiet: bool
) -> None:
    route = Route(quiet_from=time(22), quiet_until=time(6), quiet_zone="Europe/Berlin")
    at = datetime.fromisoformat(f"2026-01-15T{clock}:00+01:00")
    assert route.is_quiet(severity, at) is quiet
    early = Route(quiet_from=time(1), quiet_until=time(6), quiet_zone="UTC")
    assert early.is_quiet("warning", at.replace(hour=4)) is True


def test_routes_hear_of_their_severities_and_areas(desk: Desk, control: Session) -> None:
    hearing = {
        "all": new_route(control, name="all"),
        "warnings": new_route(control, name="warnings", severities=["warning"]),
        "critical": new_route(control, name="critical", severities=["critical"]),
        "area": new_route(control, name="area", areas=["backups", "health"]),
        "other": new_route(control, name="other", areas=["replication"]),
        "resting": new_route(control, name="resting", is_active=False),
    }
    fire(desk)
    told = {name for name, one in hearing.items() if outbox(control, one)}
    assert told == {"all", "warnings", "area"}


def test_new_route_hears_of_what_fires_already(desk: Desk, control: Session) -> None:
    fire(desk)
    made = new_route(control)
    desk.at(30, bad())
    assert outbox(control, made) == ["fires 1"]


def test_end_of_a_rule_that_is_gone_is_told_in_its_words(
    desk: Desk, route: Route, control: Session, monkeypatch: pytest.MonkeyPatch, app: Any
) -> None:
    fire(desk)
    monkeypatch.setitem(app.extensions, "alert_rules", {})
    service.evaluate(desk.start + timedelta(seconds=40))
    row = control.scalars(select(Delivery).order_by(Delivery.created_at.desc())).first()
    assert row is not None
    assert composing.subject(row.content) == "[Steward] Cleared: Many WAL files wait to be archived"


def test_old_messages_are_forgotten(desk: Desk, route: Route, control: Session) -> None:
    old = desk.start - timedelta(days=91)
    control.add(Delivery(route_id=route.id, content={}, created_at=old, sent_at=old))
    fire(desk)
    assert len(control.scalars(select(Delivery)).all()) == 1


def facts(**changed: Any) -> dict[str, Any]:
    return {
        "rule": "a.b",
        "subject": "",
        "severity": "warning",
        "title": "Slow",
        "reason": "It is slow.",
        "since": "2026-01-01T03:00:00+00:00",
        "flapping": False,
        "means": "Waiting.",
        "fix": "Look.",
        "runbook": "docs/alerts.md#slow",
        **changed,
    }


def test_mail_says_the_worst_first_with_what_to_do() -> None:
    content = {
        "fires": [facts(), facts(title="Gone", severity="critical", subject="dr")],
        "still": [facts(title="Old", flapping=True)],
        "over": [facts(title="Full", until="2026-01-01T04:00:00+00:00")],
        "more": 0,
    }
    assert composing.subject(content) == "[Steward] CRITICAL: Gone (dr), and 3 more"
    text = composing.text(content, BASE)
    assert text.index("Gone (dr) [critical]") < text.index("Slow [warning]")
    assert "Since 1 Jan 2026, 03:00:00 UTC. It comes and goes. It is slow." in text
    assert "STILL FIRING" in text
    assert "CLEARED\n\nFull\nFrom 1 Jan 2026, 03:00:00 UTC until 1 Jan 2026, 04:00:00 UTC." in text
    assert f"Runbook: {BASE}/database/alerts/rules/a.b" in text
    assert composing.subject({**content, "fires": []}) == "[Steward] STILL WARNING: Old, and 1 more"


def test_subject_stays_one_line_of_a_length_servers_take() -> None:
    content = {"fires": [facts(title="x" * 300, subject="a\r\nBcc: b")], "still": [], "over": [], "more": 3}
    line = composing.subject(content)
    assert len(line) <= 160
    assert "\n" not in line
    assert line.endswith(", and 3 more")
