"""The restorable window from a catalogue and names of WAL files, and its picture."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.backups import queries, timeline
from dashboard.backups.wal import SEGMENT_BYTES, position_of
from dashboard.backups.window import POSITIONS, Window, fulls_of, window_from
from dashboard.metrics.service import record
from tests.backups.test_pages import add_backup

NOW = datetime.now(UTC).replace(microsecond=0)


def wal(number: int) -> str:
    return f"0000000100000000{number:08X}"


def hours(count: float) -> datetime:
    return NOW - timedelta(hours=count)


@pytest.fixture
def catalogue(control: Session, app: Flask) -> None:
    """Full backups that begin in files 2 and 8, and where the WAL was at some times."""
    for number, begun in ((2, 5), (8, 3)):
        add_backup(
            control,
            f"20260101T0{number}0000",
            begin_wal=wal(number),
            end_wal=wal(number),
            begin_at=hours(begun + 0.1),
            end_at=hours(begun),
        )
    for number, at in ((3, 4.5), (6, 4), (9, 2), (12, 1)):
        record({POSITIONS: float(number * SEGMENT_BYTES)}, at=hours(at))


def window(*numbers: int) -> Window:
    return window_from("main", fulls_of("main"), [wal(number) for number in numbers], SEGMENT_BYTES)


def test_unbroken_wal_is_one_stretch_from_the_first_full_backup(catalogue: None) -> None:
    found = window(*range(2, 12))
    assert (found.from_at, found.until_at, found.has_gap, found.is_cut) == (hours(5), hours(1), False, False)
    assert len(found.stretches) == 1


def test_gap_between_backups_leaves_both_sides_restorable(catalogue: None) -> None:
    found = window(2, 3, 4, 5, 8, 9, 10, 11)
    assert (found.from_at, found.until_at, found.has_gap, found.is_cut) == (hours(3), hours(1), True, False)
    assert [(row.from_at, row.until_at) for row in found.stretches] == [
        (hours(5), hours(4)),
        (hours(3), hours(1)),
    ]


def test_gap_behind_the_newest_backup_stops_the_window_there(catalogue: None) -> None:
    found = window(*range(2, 9), 10, 11)
    assert (found.from_at, found.until_at, found.is_cut) == (hours(5), hours(2), True)


def test_wal_without_the_begin_of_any_backup_restores_nothing(catalogue: None) -> None:
    found = window(10, 11)
    assert (found.from_at, found.has_gap) == (None, True)


def test_backup_whose_wal_is_not_filed_yet_opens_nothing(catalogue: None) -> None:
    assert window() == Window(hours(5), hours(3))
    assert window_from("main", [], [wal(2)], SEGMENT_BYTES) == Window()


def test_picture_places_stretches_gap_and_backups(catalogue: None) -> None:
    found = window(2, 3, 4, 5, 8, 9, 10, 11)
    values = vars(found) | {"stretches": [vars(row) for row in found.stretches]}
    drawn = timeline.draw(values, queries.list_backups("main"), NOW)
    assert drawn is not None
    assert [(span.x, span.width) for span in drawn.stretches] == [(0, 200), (400, 400)]
    assert [(span.x, span.width) for span in drawn.gaps] == [(200, 200)]
    assert sorted(mark.x for mark in drawn.marks) == [0, 400]


def test_picture_of_a_window_that_has_just_opened_can_be_seen(control: Session, app: Flask) -> None:
    just_now = {"from_at": NOW - timedelta(seconds=3), "until_at": NOW - timedelta(seconds=1)}
    drawn = timeline.draw(just_now, [], NOW)
    assert drawn is not None
    assert drawn.stretches[0].width >= timeline.LEAST
    assert drawn.stretches[0].x + drawn.stretches[0].width <= timeline.WIDTH
    assert timeline.draw({}, [], NOW) is None


def test_position_is_read_as_postgresql_writes_it() -> None:
    assert position_of("1/2F000060") == 2**32 + 0x2F000060
    assert position_of(None) is None
