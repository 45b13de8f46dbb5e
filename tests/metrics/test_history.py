"""What is stored of figures, and what comes back: rollups, gaps, exact positions."""

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.orm import Session

from dashboard.metrics import partitions, queries, rolling
from dashboard.metrics.models import MetricHalfHour, MetricLayout, MetricMinute, MetricProgress, MetricRound
from dashboard.metrics.packing import pack, unpack
from dashboard.metrics.rollups import EPOCH, HALF_HOUR, MINUTE, MOST_POINTS, RAW, Grain, cut, grain_for
from dashboard.metrics.service import layout_of, record
from tests.metrics.conftest import Fill

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROLLUPS: dict[Grain, Any] = {MINUTE: MetricMinute, HALF_HOUR: MetricHalfHour}


def test_samples_are_averaged_per_point_with_gaps_left_open(app: Flask, now: datetime) -> None:
    for seconds, value in ((5, 2.0), (6, 4.0), (1800, 8.0)):
        record({"test.series": value, "test.none": None}, at=now - timedelta(seconds=seconds))
    moments, lines = queries.series(["test.series", "test.none"], HOUR, until=now, points=120)
    assert len(moments) == len(lines["test.series"]) == 120
    assert lines["test.series"][-1] == 3.0
    assert [value for value in lines["test.series"] if value is not None] == [8.0, 3.0]
    assert set(lines["test.none"]) == {None}
    assert queries.series(["test.series"], HOUR, until=now, largest=True)[1]["test.series"][-1] == 4.0


def test_sources_are_kept_apart_and_what_is_unknown_is_not_stored(control: Session, now: datetime) -> None:
    before = control.scalar(select(func.count()).select_from(MetricRound))
    record({"test.x": None}, at=now)
    assert control.scalar(select(func.count()).select_from(MetricRound)) == before
    record({"test.x": 1.0}, at=now, source="az-a")
    record({"test.x": 9.0}, at=now, source="az-b")
    later = now + timedelta(seconds=1)
    assert queries.series(["test.x"], HOUR, until=later, source="az-b")[1]["test.x"][-1] == 9.0
    assert set(queries.series(["test.x"], HOUR, until=later)[1]["test.x"]) == {None}


def test_nought_and_unknown_are_told_apart_at_every_grain(control: Session, now: datetime) -> None:
    """An array spends one bit on 0; what nobody knows must not come back as 0."""
    assert [unpack(pack(value)) for value in (None, math.nan, 0.0, -0.0, 1e-50, 2.5)] == [
        *(None, None, 0.0, 0.0, 0.0, 2.5)
    ]
    begin = now - 2 * HOUR
    record({"test.nought": 0.0, "test.unknown": None, "test.one": 1.0}, at=begin)
    names = ["test.nought", "test.unknown", "test.one"]
    for _ in range(2):
        for span in (DAY, 7 * DAY):
            lines = queries.series(names, span, until=now)[1]
            found = {name: [value for value in line if value is not None] for name, line in lines.items()}
            assert found == {"test.nought": [0.0], "test.unknown": [], "test.one": [1.0]}
        rolling.roll_up(now, commit=control.commit)
        control.execute(delete(MetricRound))


def test_names_make_one_layout_whatever_their_order(control: Session, now: datetime) -> None:
    record({"test.b": 1.0, "test.a": 2.0}, at=now)
    record({"test.a": 4.0, "test.b": 3.0}, at=now + timedelta(seconds=10))
    found = control.scalars(select(MetricLayout).where(MetricLayout.names == ["test.a", "test.b"])).all()
    assert len(found) == 1
    assert layout_of("primary", ["test.a", "test.b"]) == found[0].id


def test_positions_are_exact_and_found_by_value(app: Flask, now: datetime) -> None:
    large = 2**52
    for seconds, value in ((30, large), (20, large + 1), (10, large + 2)):
        record({"wal.position": float(value)}, at=now - timedelta(seconds=seconds))
    assert queries.find_at_most("wal.position", large + 1) == now - timedelta(seconds=20)
    assert queries.find_at_most("wal.position", 5.0) is None
    assert queries.find_first_after("wal.position", now - timedelta(seconds=20)) == large + 2
    assert queries.find_first_after("wal.position", now) is None


def test_position_below_after_a_switch_is_the_newest_not_the_largest(app: Flask, now: datetime) -> None:
    """A new primary may begin behind what the lost one had written."""
    for seconds, value in ((40, 100), (30, 130), (20, 150), (10, 125)):
        record({"wal.position": float(value)}, at=now - timedelta(seconds=seconds))
    assert queries.find_at_most("wal.position", 130.0) == now - timedelta(seconds=10)


SPANS = {
    "1h": (HOUR, RAW),
    "6h": (6 * HOUR, MINUTE),
    "24h": (DAY, MINUTE),
    "7d": (7 * DAY, HALF_HOUR),
    "30d": (30 * DAY, HALF_HOUR),
    "1y": (365 * DAY, HALF_HOUR),
    "2y": (730 * DAY, HALF_HOUR),
}


@pytest.mark.parametrize("name", SPANS)
def test_span_picks_the_rollup_and_never_more_than_1500_points(name: str) -> None:
    span, grain = SPANS[name]
    until = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)
    assert grain_for(span) is grain
    for points in (MOST_POINTS, 5000, 180, 1):
        found = cut(span, until, points=points)
        assert found.count <= min(points, MOST_POINTS)
        assert found.step % grain.every == timedelta(0)
        assert found.until - found.step < until <= found.until
        assert abs(found.step * found.count - span) < found.step or points == 1
        assert found.moments[0] == found.since


def direct(control: Session, layout: int, grain: Grain, until: datetime) -> dict[datetime, tuple[Any, Any]]:
    """Means and peaks of every closed bucket, worked out here from the rounds."""
    buckets: dict[datetime, list[list[float | None]]] = defaultdict(list)
    query = select(MetricRound.at, MetricRound.readings).where(MetricRound.layout_id == layout)
    for at, readings in control.execute(query.where(MetricRound.at < until)):
        buckets[at - (at - EPOCH) % grain.every].append([unpack(stored) for stored in readings])
    found = {}
    for bucket, rounds in buckets.items():
        places = [[value for value in place if value is not None] for place in zip(*rounds, strict=True)]
        means = [sum(place) / len(place) if place else None for place in places]
        found[bucket] = (means, [max(place, default=None) for place in places])
    return found


def assert_rolled_up(control: Session, layout: int, grain: Grain) -> None:
    until = rolling.until_of(grain)
    assert until is not None
    wanted, model = direct(control, layout, grain, until), ROLLUPS[grain]
    control.expire_all()
    rows = control.scalars(select(model).where(model.layout_id == layout)).all()
    assert {row.at for row in rows} == wanted.keys()
    for row in rows:
        means, peaks = wanted[row.at]
        assert [unpack(stored) for stored in row.peaks] == peaks
        for stored, value in zip(map(unpack, row.means), means, strict=True):
            assert (stored is None) == (value is None)
            assert value is None or math.isclose(stored or 0, value, rel_tol=1e-5)


@pytest.mark.parametrize("grain", ROLLUPS, ids=lambda grain: grain.table)
def test_rollups_equal_a_direct_computation_over_the_rounds(
    control: Session, fill: Fill, now: datetime, grain: Grain
) -> None:
    layout = fill(["test.a", "test.b", "test.c"], now - 4 * HOUR, now)
    rolling.roll_up(now, commit=control.commit)
    assert (
        rolling.until_of(grain)
        == now - timedelta(seconds=20) - (now - timedelta(seconds=20) - EPOCH) % grain.every
    )
    assert_rolled_up(control, layout, grain)


class KilledError(Exception):
    """The worker is gone."""


def test_killing_and_repeating_the_rollup_changes_nothing(
    control: Session, fill: Fill, now: datetime
) -> None:
    layout = fill(["test.a", "test.b"], now - 5 * HOUR, now)
    commits = 0

    def die_at_the_second_commit() -> None:
        nonlocal commits
        commits += 1
        if commits == 2:
            raise KilledError
        control.commit()

    with pytest.raises(KilledError):
        rolling.roll_up(now, commit=die_at_the_second_commit)
    control.rollback()
    reached = rolling.until_of(MINUTE)
    assert reached is not None
    assert reached < now - 2 * HOUR  # the second stretch was lost with its progress
    for _ in range(2):
        rolling.roll_up(now, commit=control.commit)
        for grain in ROLLUPS:
            assert_rolled_up(control, layout, grain)
    control.execute(delete(MetricProgress))  # from the beginning, over what is there
    rolling.roll_up(now, commit=control.commit)
    for grain in ROLLUPS:
        assert_rolled_up(control, layout, grain)


def test_round_that_came_late_is_rolled_up_with_the_next_minute(
    control: Session, fill: Fill, now: datetime
) -> None:
    layout = fill(["test.a"], now - HOUR, now)
    rolling.roll_up(now, commit=control.commit)
    record({"test.a": 5000.0}, at=now - timedelta(seconds=93, milliseconds=5), source="az-a")
    rolling.roll_up(now + timedelta(seconds=60), commit=control.commit)
    assert_rolled_up(control, layout, MINUTE)


def test_long_silence_is_skipped_in_one_step(control: Session, fill: Fill, now: datetime) -> None:
    control.execute(delete(MetricRound))
    control.merge(MetricProgress(rollup=MINUTE.table, until=now - 40 * DAY))
    control.flush()
    layout = fill(["test.a"], now - HOUR, now)
    commits: list[int] = []
    rolling.roll_up(now, commit=lambda: commits.append(1))
    assert len(commits) <= 4
    assert_rolled_up(control, layout, MINUTE)


def test_chart_of_a_day_is_drawn_from_minutes_and_the_newest_rounds(
    control: Session, fill: Fill, now: datetime
) -> None:
    layout = fill(["test.a"], now - 3 * HOUR, now)
    whole = queries.history(["test.a"], DAY, until=now, source="az-a")  # nothing is rolled up yet
    rolling.roll_up(now - HOUR, commit=control.commit)
    half = queries.history(["test.a"], DAY, until=now, source="az-a")
    assert whole.cut.grain is half.cut.grain is MINUTE
    assert half.lines["test.a"] == pytest.approx(whole.lines["test.a"], rel=1e-5)
    control.execute(delete(MetricRound).where(MetricRound.layout_id == layout))
    rolled = queries.history(["test.a"], DAY, until=now, source="az-a").lines["test.a"]
    assert rolled[-1] is None
    assert rolled[-100] == pytest.approx(whole.lines["test.a"][-100], rel=1e-5)
    peaks = queries.history(["test.a"], DAY, until=now, source="az-a", largest=True).lines["test.a"]
    assert all(
        peak is None or mean is None or peak >= mean - 1e-6  # a mean is rounded
        for peak, mean in zip(peaks, rolled, strict=True)
    )


def kind(table: str) -> partitions.Kind:
    return next(found for found in partitions.KINDS if found.table == table)


def test_partitions_are_made_ahead_and_take_what_waited_in_the_default_one(
    parts: Connection, control: Session, now: datetime
) -> None:
    record({"test.a": 1.0}, at=now)
    made = partitions.keep(parts, now)["made"]
    assert f"metric_round_{now:%Y%m%d}" in made
    assert f"metric_round_{now + 2 * DAY:%Y%m%d}" in made
    assert f"metric_half_hour_{now.replace(day=1):%Y%m%d}" in made
    assert partitions.keep(parts, now)["made"] == []
    assert parts.scalar(text(f"SELECT count(*) FROM metric_parts.metric_round_{now:%Y%m%d}")) >= 1
    assert parts.scalar(text("SELECT count(*) FROM metric_parts.metric_round_default")) == 0
    record({"test.a": 2.0}, at=now + DAY)
    assert parts.scalar(text(f"SELECT count(*) FROM metric_parts.metric_round_{now + DAY:%Y%m%d}")) == 1


def test_raw_partition_is_dropped_a_day_later_but_never_before_it_is_rolled_up(
    parts: Connection, control: Session, now: datetime
) -> None:
    partitions.keep(parts, now)
    layout = layout_of("az-a", ["test.a"])
    record({"test.a": 1.0}, at=now, source="az-a")
    control.flush()
    name, later = f"metric_round_{now:%Y%m%d}", now + 2 * DAY
    assert name not in partitions.keep(parts, later)["dropped"]  # nothing is rolled up
    rolling.roll_up(later, commit=control.commit)
    assert name in partitions.keep(parts, later)["dropped"]
    assert control.scalar(select(func.count()).where(MetricMinute.layout_id == layout)) == 1
    assert name not in partitions.existing(parts, kind("metric_round"))


def test_what_is_too_old_leaves_the_default_partition(
    parts: Connection, control: Session, now: datetime
) -> None:
    record({"wal.position": 1.0}, at=now - 15 * DAY)
    record({"wal.position": 2.0}, at=now - 13 * DAY)
    partitions.keep(parts, now)
    assert queries.find_at_most("wal.position", 1.0) is None
    assert queries.find_at_most("wal.position", 2.0) == now - 13 * DAY


@pytest.mark.parametrize(
    ("moment", "begin", "end"),
    [
        (
            datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
            datetime(2026, 12, 1, tzinfo=UTC),
            datetime(2027, 1, 1, tzinfo=UTC),
        ),
        (
            datetime(2028, 2, 29, tzinfo=UTC),
            datetime(2028, 2, 1, tzinfo=UTC),
            datetime(2028, 3, 1, tzinfo=UTC),
        ),
    ],
    ids=["december", "leap-february"],
)
def test_half_hours_lie_in_calendar_months(moment: datetime, begin: datetime, end: datetime) -> None:
    found = kind("metric_half_hour")
    assert found.bounds(moment) == (begin, end)
    assert found.begin(found.name(begin)) == begin
    assert found.begin("metric_half_hour_default") is None
