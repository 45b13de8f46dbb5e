"""Draws the history of queries: spark lines and charts (what pages show of `queries`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from dashboard.core.charts import Chart, Series
from dashboard.core.filters import viewer_zone
from dashboard.health.statements.queries import History

WIDTH, HEIGHT = 96, 24


def spark(values: Sequence[float]) -> Markup:
    """Draw a small line without axes; the numbers are on the query's own page."""
    top = max(values, default=0.0) or 1.0
    step = WIDTH / max(len(values) - 1, 1)
    points = " ".join(
        f"{index * step:.1f},{HEIGHT - 1 - value / top * (HEIGHT - 2):.1f}"
        for index, value in enumerate(values)
    )
    return Markup(  # noqa: S704  # numbers only
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
    )


def charts(found: History) -> list[Chart]:
    """Draw one query over time: how often, how long in the mean, and the load it makes."""
    line, minutes = found.line, found.step.total_seconds() / 60
    at = [_clock(moment, found.step) for moment in found.moments]
    means = [
        round(spent / count, 3) if count else None
        for spent, count in zip(line.spark, line.counts, strict=True)
    ]
    per_minute = [round(count / minutes, 2) for count in line.counts]
    busy = [round(spent / (found.step.total_seconds() * 1000), 4) for spent in line.spark]
    empty = "It did not run in this span, or was not among the heaviest."
    return [
        _chart("Mean time", at, Series("Mean of a call", means), "ms", empty),
        _chart("Calls a minute", at, Series("Calls", per_minute if line.calls else []), "", empty),
        _chart("Load: sessions busy with it", at, Series("Sessions", busy if line.calls else []), "", empty),
    ]


def _chart(title: str, at: Sequence[str], series: Series, unit: str, empty: str) -> Chart:
    return Chart("line", title, at, [series], unit=unit, category_title="Time", empty=empty)


def _clock(moment: datetime, step: timedelta) -> str:
    local = moment.astimezone(viewer_zone())
    return f"{local:%d.%m. %H:%M}" if step >= timedelta(minutes=20) else f"{local:%H:%M}"
