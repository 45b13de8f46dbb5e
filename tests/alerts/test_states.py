"""The states of an alert: pending before firing, no flapping, kept while nothing is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.alerts import queries, service
from dashboard.alerts.models import Alert, AlertEvent
from dashboard.alerts.moving import FLAP_WINDOW, STEADY
from dashboard.alerts.registry import Unknown, Watch
from dashboard.alerts.timeline import WIDTH, stretches
from tests.alerts.conftest import Desk, bad


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
    assert alert.breached_at == desk.start + timedelta(seconds=10)
    assert alert.fired_at == desk.start + timedelta(seconds=30)
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
    assert the_alert().mending_at == desk.start + timedelta(seconds=30)
    assert desk.at(60, bad()) == {"": "firing"}  # back again: one alert, not two
    assert the_alert().mending_at is None
    assert desk.at(70, []) == {"": "firing"}
    assert desk.at(129, []) == {"": "firing"}
    assert desk.at(130, []) == {"": "ok"}
    assert the_alert().cleared_at == desk.start + timedelta(seconds=130)
    assert [state for _, state, _ in events(control)] == ["pending", "firing", "ok"]


def test_not_knowing_keeps_the_state_and_says_since_when(desk: Desk, control: Session) -> None:
    assert desk.at(0, Unknown("not read yet")) == {"": "ok"}
    assert the_alert().unknown_at == desk.start
    desk.at(10, bad())
    desk.at(30, bad())
    last = desk.start + timedelta(seconds=29)
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


def test_condition_gets_the_time_its_limit_and_whether_nobody_had_judged(desk: Desk) -> None:
    for seconds, is_back in ((5, True), (15, False), (60, True)):
        desk.at(seconds, [])
        assert desk.watch == Watch(desk.start + timedelta(seconds=seconds), 16, is_back=is_back)


def test_reason_is_cut_to_what_a_page_can_show(desk: Desk) -> None:
    desk.at(0, bad("x\x00" * 9000))
    assert len(the_alert().reason) <= service.LONGEST_REASON


def test_result_counts_states(desk: Desk) -> None:
    desk.answer = [*bad(), *bad(subject="dr")]
    assert service.evaluate(desk.start) == {"ok": 0, "pending": 2, "firing": 0}


def test_old_changes_are_forgotten(desk: Desk, control: Session) -> None:
    control.add(AlertEvent(rule="x", state="ok", reason="", at=desk.start - timedelta(days=500)))
    desk.at(0, [])
    assert events(control) == []


def test_timeline_shows_when_it_fired() -> None:
    end = datetime.now(UTC)
    begin = end - timedelta(days=1)

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


def test_what_comes_and_goes_is_held_firing_until_it_is_steady(desk: Desk, control: Session) -> None:
    """Two alerts are two; the third within half an hour is flapping, and one for as long as it goes on."""
    now = 0.0
    for _ in range(2):
        desk.at(now, bad())
        assert desk.at(now + 20, bad()) == {"": "firing"}
        assert the_alert().flapping_since is None
        desk.at(now + 30, [])
        assert desk.at(now + 90, []) == {"": "ok"}
        now += 120
    desk.at(now, bad())
    assert desk.at(now + 20, bad()) == {"": "firing"}
    assert the_alert().flapping_since == desk.start + timedelta(seconds=now + 20)
    for _ in range(5):  # it goes on, and nobody is woken again
        assert desk.at(now + 90, []) == {"": "firing"}
        assert desk.at(now + 170, bad()) == {"": "firing"}
        now += 170
    assert [state for _, state, _ in events(control)].count("firing") == 3
    desk.at(now + 10, [])
    steady = now + 10 + STEADY.total_seconds()
    assert desk.at(steady - 1, []) == {"": "firing"}
    assert desk.at(steady, []) == {"": "ok"}
    assert the_alert().flapping_since is None


def test_firings_with_long_pauses_are_no_flapping(desk: Desk) -> None:
    for index in range(4):
        begin = index * FLAP_WINDOW.total_seconds() / 1.9
        desk.at(begin, bad())
        desk.at(begin + 20, bad())
        assert the_alert().flapping_since is None
        desk.at(begin + 30, [])
        assert desk.at(begin + 90, []) == {"": "ok"}


def test_rule_remembers_when_it_fired_last_for_any_subject(desk: Desk) -> None:
    desk.at(0, bad(subject="dr"))
    desk.at(20, bad(subject="dr"))
    desk.at(30, [])
    assert desk.at(90, []) == {"": "ok"}
    assert the_alert().fired_at == desk.start + timedelta(seconds=20)


def test_answers_are_no_part_of_the_timeline() -> None:
    end = datetime.now(UTC)
    begin = end - timedelta(days=1)
    rows = [("acknowledged", 6), ("ok", 12)]
    moved = [AlertEvent(rule="a", subject="", state=s, at=begin + timedelta(hours=h)) for s, h in rows]
    found = stretches(moved, [], begin=begin, end=end)["a"]
    assert [(round(one.x), round(one.width)) for one in found] == [(0, WIDTH // 2)]
