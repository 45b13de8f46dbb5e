"""Knows the grains figures are kept in, and which of them a chart of some span is drawn from. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MOST_POINTS = 1500
CHART_POINTS = 120  # enough for a small chart, and few enough to read as a table
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # a Saturday; buckets of all sizes count from it


@dataclass(frozen=True)
class Grain:
    """One table of figures: how far apart its rows are and how long they are kept."""

    table: str
    title: str
    every: timedelta
    keep: timedelta


RAW = Grain("metric_round", "raw, every 10 s", timedelta(seconds=10), timedelta(days=1))
MINUTE = Grain("metric_minute", "1-minute rollup", timedelta(minutes=1), timedelta(days=14))
HALF_HOUR = Grain("metric_half_hour", "30-minute rollup", timedelta(minutes=30), timedelta(days=730))
GRAINS = (RAW, MINUTE, HALF_HOUR)
ROLLED = (MINUTE, HALF_HOUR)


@dataclass(frozen=True)
class Cut:
    """How a span is cut into points: from which grain, how wide each is, and where each begins."""

    grain: Grain
    step: timedelta
    since: datetime
    count: int

    @property
    def until(self) -> datetime:
        """The end of the last point."""
        return self.since + self.step * self.count

    @property
    def moments(self) -> list[datetime]:
        """Where each point begins."""
        return [self.since + self.step * number for number in range(self.count)]

    @property
    def title(self) -> str:
        """Which rollup is shown, in words."""
        if self.step == self.grain.every:
            return self.grain.title
        return f"{self.grain.title}, a point every {_words(self.step)}"


def grain_for(span: timedelta) -> Grain:
    """Return the finest grain that draws a span in at most 1,500 points; the coarsest when none does."""
    return next((grain for grain in GRAINS if span / grain.every <= MOST_POINTS), GRAINS[-1])


def cut(span: timedelta, until: datetime, *, points: int = MOST_POINTS) -> Cut:
    """Cut the span that ends with `until` into at most `points` equal parts of whole grains.

    The parts lie on a grid of their own width: a chart that is drawn again later keeps its points.
    """
    grain = grain_for(span)
    most = max(1, min(points, MOST_POINTS))
    step = grain.every * max(1, math.ceil(span / (grain.every * most)))
    last = begin_of(until - timedelta(microseconds=1), step)
    count = min(most, math.ceil(span / step))
    return Cut(grain, step, last - step * (count - 1), count)


def begin_of(moment: datetime, step: timedelta) -> datetime:
    """Return where the bucket of this width that holds a moment begins."""
    return moment - (moment - EPOCH) % step


def _words(step: timedelta) -> str:
    seconds = step.total_seconds()
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"
