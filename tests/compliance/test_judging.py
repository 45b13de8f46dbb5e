"""Old evidence counts for less, what is not promised says who decided it, and a wrong check hides nothing."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from dashboard.compliance import registry
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import aged, count, judge_all, worst
from dashboard.compliance.registry import Area, State, Verdict, promise
from dashboard.core.config import Settings
from dashboard.health.models import Reading
from dashboard.settings.models import Setting
from dashboard.settings.registry import list_definitions
from tests.compliance.other_cases import WELL, replication
from tests.compliance.world import World

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "state", "expected"),
    [
        (0, State.KEPT, State.KEPT),
        (8, State.KEPT, State.AT_RISK),
        (31, State.KEPT, State.BROKEN),
        (8, State.UNKNOWN, State.AT_RISK),
        (31, State.AT_RISK, State.BROKEN),
        (31, State.ATTESTED, State.BROKEN),
        (31, State.NOT_PROMISED, State.NOT_PROMISED),
        (8, State.BROKEN, State.BROKEN),
    ],
)
def test_evidence_ages_by_its_limits(world: World, days: int, state: State, expected: State) -> None:
    at = world.now - days * DAY
    found = aged(Verdict(state, "v", "", at, "Drill 1", None, 7 * DAY, 30 * DAY), world.now)
    assert found.state is expected
    if expected is not state:
        limit = 30 if days > 30 else 7
        assert found.reason == f"Drill 1 is {days} d old; it counts for {limit} d."


def test_probe_that_stands_still_turns_a_promise_first_to_risk_then_broken(world: World) -> None:
    replication(world, *WELL)
    assert world.judge("standbys.dr").state is State.KEPT
    world.now += timedelta(minutes=2)
    line = world.judge("standbys.dr")
    assert line.state is State.AT_RISK
    assert "The reading of replication is 2 min old" in line.verdict.reason
    assert line.limits == "at risk when older than 1 min, broken when older than 1 d"
    world.now += DAY
    assert world.judge("standbys.dr").state is State.BROKEN


def test_probe_that_fails_is_unknown_with_its_words(world: World) -> None:
    replication(world, *WELL)
    row = world.control.get_one(Reading, "replication")
    row.error, row.failed_at = "connection refused", world.now
    line = world.judge("standbys.sync")
    assert line.state is State.UNKNOWN
    assert "connection refused" in line.verdict.reason


def test_what_is_not_promised_says_who_decided_and_why(world: World) -> None:
    row = Setting(key="promises.standbys.dr", value=0, owner="CFO", note="Too expensive this year")
    world.add(row)
    line = world.judge("standbys.dr")
    assert line.state is State.NOT_PROMISED
    assert line.verdict.reason == "Decided by CFO: Too expensive this year"
    assert line.owner == "CFO"


def test_figure_of_the_business_stands_in_the_promise(world: World) -> None:
    assert "At most 1 h of work" in world.judge("backups.rpo").title
    world.add(Setting(key="backups.rpo_seconds", value=300, owner="CFO"))
    assert "At most 5 min of work" in world.judge("backups.rpo").title


def test_check_that_fails_by_itself_is_unknown_and_hides_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_promises", dict(registry._promises))
    words: Any = {
        "title": "t",
        "why": "w",
        "fix": "f",
        "page": "compliance.page",
        "setting": "backups.rpo_seconds",
    }

    @promise("test.wrong", area=Area.OPERATIONS, **words)
    def wrong(_facts: Facts) -> Verdict:
        raise KeyError("nothing")

    lines = {line.promise.key: line for line in judge_all(Facts(world.settings))}
    assert lines["test.wrong"].state is State.UNKNOWN
    assert "KeyError: 'nothing'" in lines["test.wrong"].verdict.reason
    assert len(lines) > 30
    with pytest.raises(ValueError, match="declared twice"):
        promise("backups.rpo", area=Area.BACKUPS, **words)(wrong)


def test_states_are_counted_and_the_worst_is_found(world: World) -> None:
    counts = count(judge_all(Facts(world.settings)))
    assert sum(counts.values()) == len(registry.list_promises())
    assert worst([State.KEPT, State.UNKNOWN, State.AT_RISK]) is State.AT_RISK
    assert worst([]) is State.KEPT


def test_every_promise_has_a_setting_whose_owner_answers_for_it(app: Flask, settings: Settings) -> None:
    declared = {definition.key for definition in list_definitions()}
    assert {promise.setting for promise in registry.list_promises()} <= declared
