"""What became of promises: changes are kept, time without a judge is unknown, and strips show both."""

from datetime import datetime, timedelta

from dashboard.compliance import history
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import judge_all
from dashboard.compliance.models import PromiseStanding
from dashboard.compliance.registry import State
from dashboard.compliance.views import card
from tests.compliance.other_cases import WELL, replication, standby
from tests.compliance.world import World

KEY = "standbys.sync"
MINUTE = timedelta(minutes=1)


def judged(world: World, at: datetime) -> dict[str, int]:
    return history.record(judge_all(Facts(world.settings, at)), at)


def test_change_of_state_is_kept_once_with_its_reason(world: World) -> None:
    replication(world, *WELL)
    first = judged(world, world.now)
    assert first["changed"] == first["promises"]
    assert judged(world, world.now + timedelta(seconds=30))["changed"] == 0
    replication(world, standby("az-b", "local", "sync", state="missing", level="critical"), WELL[1])
    assert judged(world, world.now + timedelta(seconds=50))["changed"] == 1
    newest, oldest = history.list_changes(KEY)
    assert (newest.state, oldest.state) == ("broken", "kept")
    assert "az-b is missing" in newest.reason
    standing = history.list_standings()[KEY]
    assert standing.since == world.now + timedelta(seconds=50)


def test_time_without_a_judge_is_unknown_in_history_and_strip(world: World) -> None:
    replication(world, *WELL)
    begin = world.now - 2 * timedelta(hours=1)
    judged(world, begin)
    judged(world, world.now)
    states = [change.state for change in reversed(history.list_changes(KEY))]
    assert states[1] == "unknown"
    assert len(states) == 3
    stretches = history.strips(world.now, KEY)[KEY]
    assert history.UNJUDGED in {stretch.reason for stretch in stretches}
    assert stretches[0].x > 990  # two hours of ninety days


def test_strip_ends_unknown_when_nobody_judges_any_more(world: World) -> None:
    replication(world, *WELL)
    judged(world, world.now)
    judged(world, world.now + 5 * MINUTE)
    later = world.now + timedelta(days=30)
    first, last = history.strips(later, KEY)[KEY]
    assert first.state is State.KEPT
    assert last.state is State.UNKNOWN
    assert last.width > 300
    assert history.kept_share([first, last]) == 1.0
    assert history.kept_share([]) is None


def test_strip_begins_with_what_held_before_it(world: World) -> None:
    replication(world, *WELL)
    judged(world, world.now)
    for row in history.list_standings().values():
        row.judged_at = world.now + timedelta(days=200)
    stretches = history.strips(world.now + timedelta(days=200), KEY)[KEY]
    assert [(stretch.state, stretch.x, stretch.width) for stretch in stretches] == [(State.KEPT, 0.0, 1000.0)]


def test_promise_that_is_no_more_is_forgotten(world: World) -> None:
    world.add(PromiseStanding(key="old.one", state="kept", since=world.now, judged_at=world.now))
    judged(world, world.now)
    assert "old.one" not in history.list_standings()


def test_card_names_the_first_broken_promise_and_goes_stale(world: World) -> None:
    assert card().status == "unknown"
    judged(world, world.now)
    found = card()
    assert found.status == "critical"
    assert "broken." in found.text
    for row in history.list_standings().values():
        row.judged_at = world.now - timedelta(hours=1)
    assert card().stale
    for row in history.list_standings().values():
        row.state, row.judged_at = State.KEPT, world.now
    assert card().status == "ok"
