"""Builds the dials of the RPO from the stored measurement, as of the moment somebody looks."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboard.backups import rpo
from dashboard.core.charts import Chart, Series
from dashboard.core.filters import duration, viewer_zone
from dashboard.health.judging import CRITICAL, OK, WARNING
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.metrics import queries as metrics
from dashboard.metrics.rollups import CHART_POINTS
from dashboard.settings import queries as settings
from dashboard.settings.registry import exact_length

UNKNOWN, NONE = "unknown", "none"
# A pace says something once more is at risk than archive_timeout leaves open by itself.
BURN_FROM_SECONDS = 120
BURN_FROM_RATE = 0.1


@dataclass(frozen=True)
class Pace:
    """How fast the promise is used up: seconds of RPO per second, and when it is broken at that rate."""

    rate: float
    breaks_at: datetime


@dataclass(frozen=True)
class Dial:
    """One path. `seconds` None reads as no data, and `reason` says why; `share` of the scale is 0 to 100."""

    key: str
    title: str
    name: str
    status: str
    seconds: float | None
    reason: str
    limit: int
    share: float = 0
    taken_at: datetime | None = None
    safe_until_at: datetime | None = None
    behind_bytes: int | None = None
    last_wal: str = ""
    down_since_at: datetime | None = None
    lost_at_least: float | None = None
    lost_at_most: float | None = None
    pace: Pace | None = None

    @property
    def figure(self) -> str | None:
        """The seconds as people write them."""
        if self.seconds is None:
            return None
        return "0 s" if self.seconds == 0 else f"{duration(max(self.seconds, 0.001))}"


def current(now: datetime | None = None) -> list[Dial]:
    """Return the three dials as of `now`."""
    reading = get_reading(rpo.READING)
    found, limit = rpo.parse(reading), settings.value("backups.rpo_seconds")
    if found is None or reading is None:
        reason = "It has not been measured yet: that begins with the workers."
        return [Dial(key, title, "", UNKNOWN, None, reason, limit) for key, title in rpo.TITLES.items()]
    return [_dial(path, found, reading, limit, now or datetime.now(UTC)) for path in found.paths]


def primary_down() -> rpo.Seen | None:
    """Return the primary as it was last seen while it does not answer; None while it does."""
    found = rpo.parse(get_reading(rpo.READING))
    return found.primary if found and found.primary.down_since_at else None


def _dial(path: rpo.Path, found: rpo.Measurement, reading: Reading, limit: int, now: datetime) -> Dial:
    seen, is_stale = found.primary, now - found.measured_at > 3 * reading.interval
    if path.safe_until_at is None:
        return _without_figure(path, found.measured_at, limit)
    # Once nobody measures any more, what was safe then is all that is known to be safe.
    seconds = _since(path.safe_until_at, seen, now) if is_stale else rpo.at_risk(path, seen, now) or 0.0
    is_down = seen.down_since_at is not None
    pace = _pace(found, seconds, limit, now) if path.key == rpo.ARCHIVE and not is_down else None
    reason = f"It has not been measured since. {path.reason}".strip() if is_stale else path.reason
    return Dial(
        path.key,
        path.title,
        path.name,
        "stale" if is_stale else _level(seconds, limit, pace, is_down=is_down, is_odd=bool(path.reason)),
        seconds,
        reason,
        limit,
        scale(seconds, limit),
        found.measured_at,
        path.safe_until_at,
        path.behind_bytes,
        path.last_wal,
        seen.down_since_at,
        *_lost(path, seen),
        pace=pace,
    )


def _without_figure(path: rpo.Path, taken_at: datetime, limit: int) -> Dial:
    """Not to know what the archive holds is as bad as knowing that it holds nothing."""
    unknown = CRITICAL if path.key == rpo.ARCHIVE else UNKNOWN
    status = NONE if path.state == rpo.NOT_EXPECTED else unknown
    return Dial(path.key, path.title, path.name, status, None, path.reason, limit, taken_at=taken_at)


def _since(moment: datetime, seen: rpo.Seen, now: datetime) -> float:
    return max(0.0, (now + timedelta(seconds=seen.skew_seconds) - moment).total_seconds())


def _level(seconds: float, limit: int, pace: Pace | None, *, is_down: bool, is_odd: bool) -> str:
    if seconds > limit:
        return CRITICAL
    return WARNING if seconds > limit / 2 or pace or is_down or is_odd else OK


def _lost(path: rpo.Path, seen: rpo.Seen) -> tuple[float | None, float | None]:
    """Bound what the death of the primary cost: it was alive at `clock_at`, and away at `down_since_at`."""
    if seen.down_since_at is None or seen.clock_at is None or path.safe_until_at is None:
        return None, None
    most = _since(path.safe_until_at, seen, seen.down_since_at)
    least = 0.0 if path.state == rpo.HELD else max(0.0, (seen.clock_at - path.safe_until_at).total_seconds())
    return min(least, most), most


def _pace(found: rpo.Measurement, seconds: float, limit: int, now: datetime) -> Pace | None:
    points = [point for point in found.trail if point["safe_until_at"]]
    if len(points) < 2 or not BURN_FROM_SECONDS <= seconds < limit:  # two points make a line
        return None
    begin, end = (datetime.fromisoformat(points[index]["at"]) for index in (0, -1))
    passed = (end - begin).total_seconds()
    gained = (points[-1]["safe_until_at"] - points[0]["safe_until_at"]).total_seconds()
    rate = 1 - gained / passed if passed > 0 else 0.0
    if rate < BURN_FROM_RATE:
        return None
    return Pace(rate, now + timedelta(seconds=(limit - seconds) / rate))


def scale(seconds: float, limit: int) -> float:
    """Place seconds on the dial, in percent. Its scale is logarithmic: seconds matter as much as the hour."""
    return round(min(100.0, 100 * math.log10(1 + seconds) / math.log10(1 + limit)), 1)


@dataclass(frozen=True)
class Tick:
    """A mark on the dial's arc: its two ends, and its words with where they stand."""

    x1: float
    y1: float
    x2: float
    y2: float
    x: float
    y: float
    anchor: str
    words: str


def ticks(limit: int) -> list[Tick]:
    """Return the marks along the arc, drawn around (100, 100); the promise stands at its end."""
    written = [(1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (86_400, "1 d")]
    return [_tick(scale(seconds, limit), words) for seconds, words in written if seconds < limit / 2] + [
        _tick(100, exact_length(limit))
    ]


def _tick(share: float, words: str) -> Tick:
    angle = math.pi * (1 - share / 100)
    points = [
        (round(100 + r * math.cos(angle), 1), round(100 - r * math.sin(angle), 1)) for r in (72, 88, 94)
    ]
    (x1, y1), (x2, y2), (x, y) = points
    anchor = "middle" if 40 < share < 60 else "end" if share < 50 else "start"  # near the top
    if share == 100:  # beside the end of the arc there is no room
        x, y, anchor = 180, 114, "middle"
    return Tick(x1, y1, x2, y2, x, y, anchor, words)


def history(span: timedelta) -> Chart:
    """Draw the worst of each path over time, in seconds."""
    names = {f"rpo.{key}": title for key, title in rpo.TITLES.items()}
    moments, series = metrics.series(list(names), span, largest=True, points=CHART_POINTS)
    drawn = {name: title for name, title in names.items() if any(value is not None for value in series[name])}
    first = next((i for i in range(len(moments)) if any(series[name][i] is not None for name in drawn)), 0)
    return Chart(
        "line",
        "What would have been lost",
        [f"{moment.astimezone(viewer_zone()):%H:%M:%S}" for moment in moments[first:]],
        [Series(title, [_rounded(at) for at in series[name][first:]]) for name, title in drawn.items()],
        unit="s",
        floor=0.1,
        as_of=moments[-1] if drawn else None,
        subtitle="Seconds of work at risk by path, the worst of each moment, on a logarithmic scale",
        category_title="Time",
        empty="Nothing was measured in this span: the workers have not run.",
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
