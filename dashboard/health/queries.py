"""Reads what the probes stored."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from dashboard.core.db import db
from dashboard.health.models import MetricSample, Reading

CHART_POINTS = 120  # enough for the width of a page, and few enough to read as a table


def get_reading(key: str) -> Reading | None:
    """Return the last reading of a probe; None when it has never run."""
    return db.session.get(Reading, key)


def list_readings(keys: Iterable[str]) -> dict[str, Reading]:
    """Return the readings that exist among `keys`, in one query."""
    found = db.session.scalars(select(Reading).where(Reading.key.in_(list(keys))))
    return {reading.key: reading for reading in found}


def list_samples(
    names: Sequence[str], *, span: timedelta, until: datetime | None = None, largest: bool = False
) -> tuple[list[datetime], dict[str, list[float | None]]]:
    """Return 120 moments over the last `span`, and each series' mean there (None: nothing was read).

    `largest` takes the largest instead: what matters of a risk is its peak.
    """
    step = span / CHART_POINTS
    end = until or datetime.now(UTC)
    since = end - span
    slot = func.floor(func.extract("epoch", MetricSample.at - since) / step.total_seconds()).label("slot")
    rows = db.session.execute(
        select(MetricSample.name, slot, (func.max if largest else func.avg)(MetricSample.value))
        .where(MetricSample.name.in_(names), MetricSample.at >= since, MetricSample.at < end)
        .group_by(MetricSample.name, slot)
    )
    series: dict[str, list[float | None]] = {name: [None] * CHART_POINTS for name in names}
    for name, index, value in rows:
        series[name][min(int(index), CHART_POINTS - 1)] = value
    return [since + step * index for index in range(CHART_POINTS)], series


def find_sample_at_most(name: str, value: float) -> datetime | None:
    """Return when a growing series was last seen at or below `value`; None when it never was."""
    at: datetime | None = db.session.scalar(
        select(MetricSample.at)
        .where(MetricSample.name == name, MetricSample.value <= value)
        .order_by(MetricSample.at.desc())
        .limit(1)
    )
    return at
