"""Reads the history of figures: series for charts, and moments by value."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import REAL, Integer, Select, cast, func, literal, select, true

from dashboard.core.db import db
from dashboard.metrics.models import (
    MetricHalfHour,
    MetricLayout,
    MetricMinute,
    MetricPosition,
    MetricProgress,
    MetricRound,
    MetricSource,
)
from dashboard.metrics.packing import UNKNOWN, unpack
from dashboard.metrics.rollups import HALF_HOUR, MINUTE, MOST_POINTS, RAW, Cut, cut
from dashboard.metrics.service import PRIMARY

ROLLUPS: dict[str, Any] = {MINUTE.table: MetricMinute, HALF_HOUR.table: MetricHalfHour}
Lines = dict[str, list[float | None]]


@dataclass(frozen=True)
class History:
    """Series over a span, and how the span was cut."""

    cut: Cut
    lines: Lines


@dataclass
class _Gathered:
    """What several reads gave for the points of one series: sums with their weights, and peaks."""

    sums: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    weights: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    peaks: dict[int, float] = field(default_factory=dict)

    def add(self, point: int, value: float, weight: float) -> None:
        self.sums[point] += value * weight
        self.weights[point] += weight
        self.peaks[point] = max(value, self.peaks.get(point, value))

    def at(self, point: int, *, largest: bool) -> float | None:
        if point not in self.peaks:
            return None
        return self.peaks[point] if largest else self.sums[point] / self.weights[point]


@dataclass(frozen=True)
class _Read:
    """A read of one table: the column with the arrays, and how many seconds each row stands for."""

    model: Any
    column: Any
    weight: float
    since: datetime
    until: datetime


def series(
    names: Sequence[str],
    span: timedelta,
    *,
    largest: bool = False,
    until: datetime | None = None,
    source: str = PRIMARY,
    points: int = MOST_POINTS,
) -> tuple[list[datetime], Lines]:
    """Return where each point of the last `span` begins, and each series' mean there (None: no data).

    The span picks the rollup; there are never more than 1,500 points. `largest` takes the largest instead of
    the mean: what matters of a risk is its peak.
    """
    found = history(names, span, largest=largest, until=until, source=source, points=points)
    return found.cut.moments, found.lines


def history(
    names: Sequence[str],
    span: timedelta,
    *,
    largest: bool = False,
    until: datetime | None = None,
    source: str = PRIMARY,
    points: int = MOST_POINTS,
) -> History:
    """Return what `series` does, with the rollup it came from."""
    chosen = cut(span, until or datetime.now(UTC), points=points)
    gathered = {name: _Gathered() for name in names}
    for layout in _layouts(source, names):
        places = {name: layout.names.index(name) + 1 for name in names if name in layout.names}
        for read in _reads(chosen, largest=largest):
            _gather(gathered, places, read, layout.id, chosen, largest=largest)
    lines = {
        name: [found.at(point, largest=largest) for point in range(chosen.count)]
        for name, found in gathered.items()
    }
    return History(chosen, lines)


def _layouts(source: str, names: Iterable[str]) -> list[MetricLayout]:
    overlap = MetricLayout.names.bool_op("&&")(cast(list(names), MetricLayout.names.type))
    query = select(MetricLayout).where(MetricLayout.source == source, overlap)
    return list(db.session.scalars(query.order_by(MetricLayout.id)))


def _reads(chosen: Cut, *, largest: bool) -> list[_Read]:
    """Return the rollup as far as it reaches, and the rounds themselves for what is newer."""
    raw = (MetricRound, MetricRound.readings, RAW.every.total_seconds())
    if chosen.grain is RAW:
        return [_Read(*raw, chosen.since, chosen.until)]
    model = ROLLUPS[chosen.grain.table]
    column = model.peaks if largest else model.means
    rolled = _rolled_until(chosen.grain.table, chosen.since)
    weight = chosen.grain.every.total_seconds()
    return [_Read(model, column, weight, chosen.since, rolled), _Read(*raw, rolled, chosen.until)]


def _rolled_until(table: str, otherwise: datetime) -> datetime:
    found = db.session.get(MetricProgress, table, populate_existing=True)
    return max(found.until, otherwise) if found else otherwise


def _gather(
    gathered: dict[str, _Gathered],
    places: dict[str, int],
    read: _Read,
    layout: int,
    chosen: Cut,
    *,
    largest: bool,
) -> None:
    query = _query(read, layout, list(places.values()), chosen, largest=largest)
    for point, count, *values in db.session.execute(query):
        for name, value in zip(places, values, strict=True):
            if value is not None and 0 <= point < chosen.count:
                gathered[name].add(point, float(value), count * read.weight)


def _query(read: _Read, layout: int, places: list[int], chosen: Cut, *, largest: bool) -> Select[Any]:
    """Aggregate by point on the server; how 0 and unknown are stored, packing.py says."""
    seconds = func.extract("epoch", read.model.at - chosen.since)
    point = cast(func.floor(seconds / chosen.step.total_seconds()), Integer).label("point")
    pick, unknown = func.max if largest else func.avg, cast(literal(UNKNOWN), REAL)
    figures = [pick(func.nullif(func.coalesce(read.column[place], 0), unknown)) for place in places]
    return (
        select(point, func.count(), *figures)
        .where(read.model.layout_id == layout, read.model.at >= read.since, read.model.at < read.until)
        .group_by(point)
    )


def find_at_most(name: str, value: float) -> datetime | None:
    """Return when an exactly kept series was last seen at or below `value`; None when it never was."""
    at: datetime | None = db.session.scalar(
        select(MetricPosition.at)
        .where(MetricPosition.name == name, MetricPosition.value <= value)
        .order_by(MetricPosition.at.desc())
        .limit(1)
    )
    return at


def find_first_after(name: str, moment: datetime) -> float | None:
    """Return the first value of an exactly kept series after a moment; None when there is none yet."""
    value: float | None = db.session.scalar(
        select(MetricPosition.value)
        .where(MetricPosition.name == name, MetricPosition.at > moment)
        .order_by(MetricPosition.at)
        .limit(1)
    )
    return value


def list_sources() -> list[MetricSource]:
    """Return how the last round of each tier went, by server."""
    query = select(MetricSource).order_by(MetricSource.source, MetricSource.tier)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def last_tried_at(tier: str) -> datetime | None:
    """Return when a tier's probes were last run on any server, whether it answered or not."""
    tried = func.max(func.greatest(MetricSource.taken_at, MetricSource.failed_at))
    found: datetime | None = db.session.scalar(select(tried).where(MetricSource.tier == tier))
    return found


def list_names(source: str) -> set[str]:
    """Return the names of every series a source has ever had."""
    lists = db.session.scalars(select(MetricLayout.names).where(MetricLayout.source == source))
    return {name for names in lists for name in names}


@dataclass(frozen=True)
class Newest:
    """The newest figures of one layout."""

    source: str
    at: datetime
    values: dict[str, float]


def list_newest(since: Mapping[str, datetime]) -> list[Newest]:
    """Return each layout's newest figures, if fresh: since when, by tier; else the first tier's holds."""
    within = (
        select(MetricRound.at, MetricRound.readings)
        .where(MetricRound.layout_id == MetricLayout.id, MetricRound.at > min(since.values()))
        .order_by(MetricRound.at.desc())
        .limit(1)
        .lateral()
    )
    query = select(MetricLayout.source, MetricLayout.names, within.c.at, within.c.readings)
    found = []
    for source, names, at, readings in db.session.execute(query.join(within, true())):
        tier = next((tier for tier in since if f"cost.{tier}" in names), next(iter(since)))
        if at > since[tier]:
            values = {name: unpack(stored) for name, stored in zip(names, readings, strict=True)}
            known = {name: value for name, value in values.items() if value is not None}
            found.append(Newest(source, at, known))
    return found
