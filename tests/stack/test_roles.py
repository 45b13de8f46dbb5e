"""Who is started as the primary, from what the data folders say."""

from pathlib import Path

import pytest

from dashboard.servers.control_data import ControlData, lsn_of, position_of
from dashboard.servers.orders import Answer, OrderBox
from dashboard.stack.options import StackError
from dashboard.stack.roles import Folder, decide

CLEAN = "shut down"


def folder(
    name: str, timeline: int, position: int = 100, *, standby: bool = False, rejoining: bool = False
) -> Folder:
    return Folder(name, ControlData(CLEAN, timeline, position), standby, rejoining)


def test_first_start_begins_with_the_first() -> None:
    roles = decide([], "", "az-a")
    assert (roles.primary, roles.rejoin, roles.words) == ("az-a", (), ())


def test_the_one_without_a_signal_is_the_primary_whatever_is_remembered() -> None:
    found = [folder("az-a", 2, standby=True), folder("az-b", 2)]
    assert decide(found, "az-b", "az-a").words == ()
    roles = decide(found, "az-a", "az-a")
    assert (roles.primary, roles.rejoin) == ("az-b", ())
    assert "state.json says that az-a is the primary" in roles.words[0]


def test_of_two_the_higher_timeline_is_started_and_the_other_rejoins() -> None:
    roles = decide([folder("az-a", 1, 900), folder("az-b", 2, 100)], "az-a", "az-a")
    assert (roles.primary, roles.rejoin) == ("az-b", ("az-a",))
    assert "az-a was a primary too (timeline 1, 0/384)" in roles.words[0]


def test_on_one_timeline_the_one_that_has_more_counts_not_the_one_remembered() -> None:
    roles = decide([folder("az-a", 2, 900), folder("az-b", 2, 100)], "az-b", "az-a")
    assert (roles.primary, roles.rejoin) == ("az-a", ("az-b",))


def test_a_folder_left_in_the_middle_of_a_rewind_is_never_the_primary() -> None:
    roles = decide([folder("az-a", 3, rejoining=True), folder("az-b", 2)], "az-b", "az-a")
    assert (roles.primary, roles.rejoin) == ("az-b", ("az-a",))


def test_only_standbys_are_refused_with_the_one_that_has_the_most() -> None:
    found = [folder("az-b", 2, 50, standby=True), folder("dr", 2, 60, standby=True)]
    with pytest.raises(StackError, match="dr has the most"):
        decide(found, "az-a", "az-a")


def test_a_primary_behind_what_a_standby_has_followed_is_not_started() -> None:
    found = [folder("az-a", 1), folder("dr", 2, standby=True)]
    with pytest.raises(StackError, match="dr has followed timeline 2"):
        decide(found, "az-a", "az-a")


def test_positions_are_read_and_written_as_postgresql_does() -> None:
    assert (position_of("1/A0"), lsn_of(position_of("1/A0"))) == (2**32 + 160, "1/A0")


def test_orders_are_taken_once_and_answered(tmp_path: Path) -> None:
    box = OrderBox(tmp_path / "orders")
    order = box.place("stop", "az-a", 5, how="fast")
    assert [(one.verb, one.member, one.arguments) for one in box.take()] == [
        ("stop", "az-a", {"how": "fast"})
    ]
    assert box.take() == []
    box.answer(order, Answer(found={"clean": True}))
    assert box.wait(order) == Answer("", {"clean": True})


def test_an_order_nobody_waits_for_any_more_is_not_carried_out(tmp_path: Path) -> None:
    box = OrderBox(tmp_path / "orders")
    order = box.place("promote", "az-b", -1)
    assert box.take() == []
    with pytest.raises(TimeoutError, match="nobody answered the order to promote az-b"):
        box.wait(order)
    box.place("promote", "az-b", 60)
    box.clear()
    assert box.take() == []
