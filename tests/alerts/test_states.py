"""The states of an alert: pending before firing, no flapping, kept while nothing is known."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.alerts import queries, service
from dashboard.alerts.models import Alert, AlertEvent
from dashboard.alerts.registry import Answer, Breach, Condition, Unknown, Watch
from dashboard.alerts.rules import load
from dashboard.alerts.timeline import WIDTH, stretches

T0 = datetime.now(UTC)


@dataclass
class Desk:
    """One rule whose condition says what the test tells it to."""

    answer: Answer | Exception = field(default_factory=list)
    watch: Watch | None = None

    def ask(self, watch: Watch) -> Answer:
        self.watch = watch
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def at(self, seconds: float, answer: Answer | Exception) -> dict[str, str]:
        """Judge `seconds` after the start; return the states by subject."""
        self.answer = answer
        service.evaluate(T0 + timedelta(seconds=seconds))
        return {alert.subject: str(alert.state) for alert in queries.list_alerts()}


@pytest.fixture
def desk(app: Flask, control: Session, monkeypatch: pytest.MonkeyPatch) -> Desk:
    found = Desk()
    rule = replace(load()["backups.archive_queue_long"], for_seconds=20, clear_seconds=60)
    monkeypatch.setitem(app.extensions, "alert_rules", {rule.key: rule})
    conditions = {rule.key: Condition(rule.key, found.ask, 10)}
    monkeypatch.setitem(app.extensions, "alert_conditions", conditions)
    return found


def bad(reason: str = "17 files wait", subject: str = "") -> list[Breach]:
    return [Breach(subject, reason)]


def the_alert() -> Alert:
    return queries.list_alerts()[0]


def events(session: Session) -> list[tuple[str, str, str]]:
    rows = session.scalars(select(AlertEvent).order_by(AlertEvent.id))
    return [(row.subject, row.state, row.reason) for row in rows]


def test_breach_is_pending_until_it_has_lasted(desk: Desk, control: Session) -> None:
    assert desk.at(0, []) == {"": "ok"}
    assert desk.at(10, bad()) == {"": "pending"}
    assert desk.at(20, bad()) == {"": "pending"}
    assert desk.at(30, bad("40 files wait")) == {"": "firing"}
    alert = the_alert()
    assert (alert.reason, alert.severity) == ("40 files wait", "warning")
    assert alert.breached_at == T0 + timedelta(seconds=10)
    assert alert.fired_at == T0 + timedelta(seconds=30)
    assert events(control) == [("", "pending", "17 files wait"), ("", "firing", "40 files wait")]


def test_short_breach_never_fires_and_starts_anew(desk: Desk) -> None:
    desk.at(0, bad())
    assert desk.at(10, []) == {"": "ok"}
    desk.at(20, bad())
    assert desk.at(30, bad()) == {"": "pending"}


def test_rule_without_patience_fires_at_once(
    desk: Desk, app: Flask, control: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {key: replace(rule, for_seconds=0) for key, rule in service.rules().items()}
    monkeypatch.setitem(app.extensions, "alert_rules", rules)
    assert desk.at(0, bad()) == {"": "firing"}
    assert events(control) == [("", "firing", "17 files wait")]


def test_what_fires_clears_only_when_it_stays_well(desk: Desk, control: Session) -> None:
    desk.at(0, bad())
    desk.at(20, bad())
    assert desk.at(30, []) == {"": "firing"}
    assert the_alert().mending_at == T0 + timedelta(seconds=30)
    assert desk.at(60, bad()) == {"": "firing"}  # back again: one alert, not two
    assert the_alert().mending_at is None
    assert desk.at(70, []) == {"": "firing"}
    assert desk.at(129, []) == {"": "firing"}
    assert desk.at(130, []) == {"": "ok"}
    assert the_alert().cleared_at == T0 + timedelta(seconds=130)
    assert [state for _, state, _ in events(control)] == ["pending", "firing", "ok"]


def test_not_knowing_keeps_the_state_and_says_since_when(desk: Desk, control: Session) -> None:
    assert desk.at(0, Unknown("not read yet")) == {"": "ok"}
    assert the_alert().unknown_at == T0
    desk.at(10, bad())
    desk.at(30, bad())
    last = T0 + timedelta(seconds=29)
    assert desk.at(40, Unknown("the primary is away", last)) == {"": "firing"}
    assert desk.at(200, Unknown("the primary is still away", last + timedelta(1))) == {"": "firing"}
    assert (the_alert().unknown_at, the_alert().doubt) == (last, "the primary is still away")
    assert desk.at(210, []) == {"": "firing"}  # only now it begins to be well
    assert the_alert().unknown_at is None
    assert desk.at(270, []) == {"": "ok"}


def test_subjects_of_a_rule_live_on_their_own(desk: Desk, control: Session) -> None:
    desk.at(0, [*bad(subject="dr"), *bad(subject="az-b")])
    assert desk.at(20, bad(subject="dr")) == {"": "ok", "dr": "firing"}
    assert desk.at(30, []) == {"": "ok", "dr": "firing"}
    assert desk.at(90, []) == {"": "ok"}  # what is over leaves its events, and no row
    assert {subject for subject, _, _ in events(control)} == {"dr", "az-b"}


def test_condition_that_fails_is_not_known_and_silences_no_other(desk: Desk) -> None:
    assert desk.at(0, KeyError("archiver")) == {"": "ok"}
    assert the_alert().doubt == "The condition itself failed: KeyError: 'archiver'"


def test_control_database_that_is_away_is_no_state(desk: Desk) -> None:
    with pytest.raises(OperationalError):
        desk.at(0, OperationalError("SELECT", {}, Exception("gone")))


def test_condition_gets_the_time_and_its_limit(desk: Desk) -> None:
    desk.at(5, [])
    assert desk.watch == Watch(T0 + timedelta(seconds=5), 16)


def test_reason_is_cut_to_what_a_page_can_show(desk: Desk) -> None:
    desk.at(0, bad("x\x00" * 9000))
    assert len(the_alert().reason) <= service.LONGEST_REASON


def test_result_counts_states(desk: Desk) -> None:
    desk.answer = [*bad(), *bad(subject="dr")]
    assert service.evaluate(T0) == {"ok": 0, "pending": 2, "firing": 0}


def test_old_changes_are_forgotten(desk: Desk, control: Session) -> None:
    control.add(AlertEvent(rule="x", state="ok", reason="", at=T0 - timedelta(days=500)))
    desk.at(0, [])
    assert events(control) == []


def test_timeline_shows_when_it_fired() -> None:
    begin, end = T0 - timedelta(days=1), T0

    def change(rule: str, hours: float, state: str) -> AlertEvent:
        return AlertEvent(rule=rule, subject="", state=state, at=begin + timedelta(hours=hours))

    found = stretches(
        [
            change("a", 6, "firing"),
            change("a", 12, "ok"),
            change("b", 6, "ok"),
            change("c", 18, "firing"),
            change("d", 1, "pending"),
            change("d", 2, "ok"),
        ],
        [Alert(rule="e", subject="x", state="firing", since=begin - timedelta(hours=1))],
        begin=begin,
        end=end,
    )
    placed = {rule: [(round(one.x), round(one.width)) for one in rows] for rule, rows in found.items()}
    assert placed == {
        "a": [(WIDTH // 4, WIDTH // 4)],
        "b": [(0, WIDTH // 4)],  # it had begun before
        "c": [(750, 250)],
        "e": [(0, WIDTH)],
    }
    assert found["e"][0].until is None
