"""Reads what the probes stored."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from dashboard.core.db import db
from dashboard.health.models import MetricSample, Reading

CHART_POINTS = 300  # far under the 1,500 a browser draws smoothly


def get_reading(key: str) -> Reading | None:
    """Return the last reading of a probe; None when it has never run."""
    return db.session.get(Reading, key)


def list_readings(keys: Iterable[str]) -> dict[str, Reading]:
    """Return the readings that exist among `keys`, in one query."""
    found = db.session.scalars(select(Reading).where(Reading.key.in_(list(keys))))
    return {reading.key: reading for reading in found}


def list_samples(names: Sequence[str], *, span: timedelta) -> dict[str, list[tuple[datetime, float]]]:
    """Return the samples of each series over the last `span`, averaged into at most 300 points."""
    since = datetime.now(UTC) - span
    step = timedelta(seconds=max(1.0, span.total_seconds() / CHART_POINTS))
    slot = func.date_bin(step, MetricSample.at, since).label("slot")
    rows = db.session.execute(
        select(MetricSample.name, slot, func.avg(MetricSample.value))
        .where(MetricSample.name.in_(names), MetricSample.at >= since)
        .group_by(MetricSample.name, slot)
        .order_by(slot)
    )
    series: dict[str, list[tuple[datetime, float]]] = {name: [] for name in names}
    for name, at, value in rows:
        series[name].append((at, value))
    return series
