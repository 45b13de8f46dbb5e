"""What is made of what both ends of a stream say."""

from datetime import timedelta
from typing import Any

import pytest

from dashboard.replication.levels import judge_slot, worst_level
from dashboard.replication.members import UNNAMED, assign
from dashboard.replication.probes import MemberView
from dashboard.replication.remembering import remember
from tests.replication.building import (
    AA,
    AZ,
    DR,
    GIB,
    NOW,
    judged,
    own,
    primary,
    reading_of,
    receiver,
    sender,
    slot,
)

SECONDS = timedelta(seconds=1)
WITH_SLOT = (slot(),)


def test_standby_that_catches_up_is_not_yet_streaming() -> None:
    found = judged(primary(sender(state="catchup")), own())
    assert (found.state, found.level) == ("catching_up", "warning")


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "ok"),
        ({"replay_seconds": 31.0}, "warning"),
        ({"replay_seconds": 301.0}, "critical"),
        ({"replay_bytes": 2 * GIB}, "warning"),
        ({"replay_bytes": 11 * GIB}, "critical"),
    ],
    ids=["idle", "31 s", "301 s", "2 GiB", "11 GiB"],
)
def test_lag_is_judged_by_seconds_and_by_bytes(changes: dict[str, Any], level: str) -> None:
    assert judged(primary(sender(**changes), slots=WITH_SLOT), own()).level == level


def test_streaming_row_wins_over_a_dying_one_of_the_same_name() -> None:
    assert judged(primary(sender(pid=1, state="startup"), sender()), own()).state == "streaming"


def test_expected_synchronous_standby_that_is_asynchronous_warns() -> None:
    slots = (slot(name="az_b"),)
    assert judged(primary(sender(name="az-b"), slots=slots), own(), expected=AZ).level == "warning"
    quorum = sender(name="az-b", sync_state="quorum")
    assert judged(primary(quorum, slots=slots), own(), expected=AZ).level == "ok"


def test_stream_without_a_slot_warns() -> None:
    found = judged(primary(sender()), own())
    assert (found.state, found.level) == ("streaming", "warning")
    assert "It uses no slot" in found.notes[0]


@pytest.mark.parametrize(
    ("status", "level"), [("unreserved", "warning"), ("lost", "critical")], ids=["at risk", "lost"]
)
def test_slot_that_loses_wal_is_an_alarm(status: str, level: str) -> None:
    losing = slot(wal_status=status)
    assert judged(primary(sender(), slots=(losing,)), own()).level == level
    assert judge_slot(losing, NOW)[0] == level


def test_slot_that_nobody_reads_warns_after_half_an_hour() -> None:
    idle = slot(active=False, pid=None, inactive_at=NOW)
    assert judge_slot(idle, NOW + 1799 * SECONDS) == ("ok", "")
    assert judge_slot(idle, NOW + 1800 * SECONDS)[0] == "warning"
    assert judge_slot(slot(), NOW) == ("ok", "")


def test_slot_is_found_by_its_reader_or_by_the_expected_name() -> None:
    other = slot(name="named_otherwise", pid=7)
    found = judged(primary(sender(), slots=(slot(pid=1), other)), own())
    assert (found.slot, found.slot_name) == (other, "named_otherwise")
    assert judged(primary(slots=(slot(pid=None, active=False),)), None, own_error="x").slot is not None


def test_standby_that_streams_but_does_not_answer_says_so() -> None:
    found = judged(primary(sender()), None, own_error="timeout")
    assert found.state == "streaming"
    assert "timeout" in found.notes[0]


def test_cut_off_standby_is_measured_against_the_primary() -> None:
    found = judged(primary(), own(receiver=None))
    assert (found.state, found.flush_bytes, found.replay_bytes) == ("receiver_gone", 60, 70)
    unknown = judged(primary(), own(receiver=None, received_position=None, replayed_position=None))
    assert (unknown.flush_bytes, unknown.replay_bytes) == (None, None)


def test_receiver_that_fell_silent_is_cut_off_by_the_standbys_own_clock() -> None:
    """However wrong that clock is: both times are its own."""
    skewed = NOW + timedelta(hours=3)
    row = sender(replied_at=skewed - 7 * SECONDS, replay_seconds=0.1)
    found = judged(primary(row), own(clock_at=skewed))
    assert (found.state, found.level, found.replay_seconds) == ("cut_off", "critical", None)
    assert "has not answered for 7 s" in found.notes[0]
    assert judged(primary(row), own(clock_at=skewed, status_seconds=10.0)).state == "streaming"
    assert judged(primary(row), own(clock_at=skewed, status_seconds=0.0)).state == "streaming"


def test_frozen_server_is_cut_off_when_its_answer_has_not_changed_since() -> None:
    earlier = {"replied_at": NOW, "reply_seen_at": NOW - 10 * SECONDS, "status_seconds": 1.0}
    found = judged(primary(sender()), None, own_error="timeout", earlier=earlier)
    assert found.state == "cut_off"
    moved = judged(primary(sender(replied_at=NOW + SECONDS)), None, own_error="timeout", earlier=earlier)
    assert moved.state == "streaming"


def test_receiver_that_hangs_is_told_from_one_that_follows_another_server() -> None:
    hangs = judged(primary(slots=WITH_SLOT), own())
    assert hangs.state == "cut_off"
    assert "The primary has given up its connection" in hangs.notes[0]
    astray = judged(primary(slots=WITH_SLOT), own(receiver=receiver(sender_port=1)))
    assert astray.state == "receiver_gone"
    assert "from another server (127.0.0.1:1)" in astray.notes[0]


def test_standby_whose_slot_is_gone_says_which() -> None:
    found = judged(primary(), own(receiver=None, slot_name="dr"))
    assert (found.state, found.level, found.slot_name) == ("slot_gone", "critical", "dr")
    assert "The primary has no slot dr" in found.notes[0]
    lost = judged(primary(slots=(slot(wal_status="lost"),)), own(receiver=None, slot_name="dr"))
    assert lost.state == "slot_gone"
    assert "copied anew" in lost.notes[0]


def test_without_the_primary_each_standby_speaks_for_itself() -> None:
    assert judged(None, own()).state == "unknown"
    assert judged(None, own(receiver=None)).state == "receiver_gone"
    assert judged(None, None, own_error="refused").state == "missing"
    assert worst_level([]) == "ok"


def writing(**changes: Any) -> MemberView:
    return MemberView(own(in_recovery=False), primary(**changes))


STANDBY = MemberView(own(), None)
MEMBERS = (AA, AZ, DR)


def test_primary_is_who_takes_writes_whatever_was_configured() -> None:
    found = assign(MEMBERS, {"az-a": STANDBY, "az-b": writing(), "dr": STANDBY}, last="az-a")
    assert (found.primary, found.writers) == ("az-b", ("az-b",))
    assert [member.name for member in found.expected] == ["az-a", "dr"]


def test_of_two_that_take_writes_the_newer_timeline_counts() -> None:
    answers: dict[str, MemberView | str] = {"az-a": writing(), "az-b": writing(timeline=2), "dr": STANDBY}
    found = assign(MEMBERS, answers, last="az-a")
    assert (found.primary, found.writers) == ("az-b", ("az-a", "az-b"))
    promoted = judged(found.view, own(in_recovery=False), expected=AA)
    assert (promoted.state, promoted.level) == ("promoted", "critical")


def test_primary_that_does_not_answer_is_not_expected_as_a_standby() -> None:
    answers: dict[str, MemberView | str] = {"az-a": STANDBY, "az-b": "refused", "dr": STANDBY}
    found = assign(MEMBERS, answers, last="az-b")
    assert (found.primary, found.view, found.error) == ("az-b", None, "refused")
    assert [member.name for member in found.expected] == ["az-a", "dr"]
    never_known = assign(MEMBERS, {"az-a": "refused", "az-b": STANDBY, "dr": STANDBY})
    assert never_known.primary == "az-a"


def test_no_primary_at_all_is_said() -> None:
    found = assign(MEMBERS, {"az-a": STANDBY, "az-b": STANDBY, "dr": STANDBY}, last="az-a")
    assert "No server takes writes" in found.error


def test_without_a_named_primary_the_monitors_server_is_it() -> None:
    answers: dict[str, MemberView | str] = {UNNAMED: writing(), "az-b": writing(timeline=9), "dr": STANDBY}
    found = assign((AZ, DR), answers)
    assert (found.primary, found.writers) == (UNNAMED, (UNNAMED, "az-b"))
    assert [member.name for member in found.expected] == ["az-b", "dr"]
    assert assign((AZ,), {UNNAMED: "refused", "az-b": STANDBY}).error == "refused"


def test_reading_remembers_what_one_look_cannot_tell() -> None:
    first = reading_of(judged(primary(sender(replay_bytes=40)), own()))
    idle = slot(active=False, pid=None)
    second = reading_of(judged(primary(sender(replay_bytes=40), slots=(idle,)), own()), slots=(idle,))
    second["primary"]["clock_at"] = "later"
    remember(second, first, "now")
    row = second["standbys"][0]
    assert (row["is_moving"], row["reply_seen_at"]) == (False, NOW.isoformat())
    assert second["slots"][0]["inactive_at"] is not None
    since = second["slots"][0]["inactive_at"]
    third = reading_of(judged(None, None, own_error="x"), slots=(idle,), frozen=None)
    third["slots"][0]["inactive_at"] = None
    remember(third, second, "much later")
    assert third["slots"][0]["inactive_at"] == since
    assert third["standbys"][0]["last_seen_at"] == "now"


def test_commits_that_gave_up_waiting_do_not_set_the_clock_back() -> None:
    before = reading_of(frozen=None)
    before["frozen"] = {"commits": 2, "since_at": "2026-01-01T00:00:00+00:00"}
    data = reading_of()
    data["frozen"] = {"commits": 1, "since_at": "2026-01-01T00:02:00+00:00"}
    remember(data, before, "now")
    assert data["frozen"]["since_at"] == "2026-01-01T00:00:00+00:00"
