"""Builds what the Metrics page shows: charts of one server and group, and what sampling costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from flask import current_app, url_for

from dashboard.core.charts import Chart, Series
from dashboard.core.config import Settings
from dashboard.core.filters import viewer_zone
from dashboard.metrics import catalogue, queries
from dashboard.metrics.catalogue import Group, Plot
from dashboard.metrics.models import MetricSource
from dashboard.metrics.probes import BUDGET_MS, TIERS
from dashboard.metrics.queries import History
from dashboard.metrics.sampling import targets
from dashboard.metrics.service import PRIMARY

SPANS = {
    "1h": ("1 h", timedelta(hours=1)),
    "6h": ("6 h", timedelta(hours=6)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
    "30d": ("30 d", timedelta(days=30)),
    "1y": ("1 y", timedelta(days=365)),
}
PAGE_POINTS = 180  # each is a row of the table below its chart, too
MANY_CHARTS_POINTS = 60
LATE_ROUNDS = 3
TITLES = {"10s": "Every 10 s", "1min": "Every minute", "15min": "Every 15 minutes"}
Tab = tuple[str, str, bool]


@dataclass(frozen=True)
class Asked:
    """What the page is asked for: a server, a group of charts, a span."""

    source: str
    group: str
    span: str

    def url(self, **changed: str) -> str:
        """Return the address with something else chosen."""
        chosen = {"server": self.source, "group": self.group, "span": self.span} | changed
        return f"{url_for('metrics.page')}?{urlencode(chosen)}"


@dataclass(frozen=True)
class Cost:
    """What a tier costs a server: milliseconds of its last round beside the budget."""

    source: str
    tier: str
    cost_ms: float
    budget_ms: float
    connect_ms: float
    dearest: str
    dearest_ms: float
    status: str
    taken_at: datetime | None
    stale: bool
    error: str
    failures: dict[str, str]


def ask(server: str, group: str, span: str) -> Asked:
    """Return what is asked for, with what exists in the place of what does not."""
    names = [name for name, _ in sources()]
    source = server if server in names else names[0]
    known = [found.key for found in catalogue.groups_of(queries.list_names(source))]
    return Asked(source, group if group in known else known[0], span if span in SPANS else "1h")


def sources() -> list[tuple[str, str]]:
    """Return the servers by name and title, and the cluster as a whole."""
    settings: Settings = current_app.extensions["steward_settings"]
    named = [target.source for target in targets(settings)]
    whole = [] if PRIMARY in named else [(PRIMARY, "Whole cluster")]
    return [(name, "Primary" if name == PRIMARY else name) for name in named] + whole


def server_tabs(asked: Asked) -> list[Tab]:
    """Return the servers to choose from."""
    return [(title, asked.url(server=name), name == asked.source) for name, title in sources()]


def group_tabs(asked: Asked) -> list[Tab]:
    """Return the groups of charts to choose from."""
    groups = catalogue.groups_of(queries.list_names(asked.source))
    return [(group.title, asked.url(group=group.key), group.key == asked.group) for group in groups]


def span_tabs(asked: Asked) -> list[Tab]:
    """Return the spans to choose from."""
    return [(f"Last {title}", asked.url(span=key), key == asked.span) for key, (title, _) in SPANS.items()]


def charts(asked: Asked) -> tuple[list[Chart], str]:
    """Return the charts and the rollup they are drawn from; series that never were are left out."""
    known = queries.list_names(asked.source)
    is_other = asked.group == catalogue.OTHER
    group = catalogue.other_group(known) if is_other else _group(asked.group, known)
    points = MANY_CHARTS_POINTS if is_other else PAGE_POINTS
    span = SPANS[asked.span][1]
    names = {peaks: _names(group, peaks=peaks) for peaks in (False, True)}
    found = {
        peaks: queries.history(wanted, span, largest=peaks, source=asked.source, points=points)
        for peaks, wanted in names.items()
    }
    return [_chart(plot, found[plot.peaks], span) for plot in group.plots], found[False].cut.title


def _group(key: str, known: set[str]) -> Group:
    group = catalogue.find_group(key)
    plots = [_only(plot, known) for plot in group.plots]
    return Group(group.key, group.title, tuple(plot for plot in plots if plot.series))


def _only(plot: Plot, known: set[str]) -> Plot:
    series = {name: label for name, label in plot.series.items() if name in known}
    return Plot(plot.title, series, plot.unit, plot.why, plot.peaks)


def _names(group: Group, *, peaks: bool) -> list[str]:
    return list({name: None for plot in group.plots if plot.peaks == peaks for name in plot.series})


def _chart(plot: Plot, found: History, span: timedelta) -> Chart:
    lines = {name: found.lines[name] for name in plot.series}
    seen = [at for line in lines.values() for at, value in enumerate(line) if value is not None]
    step = found.cut.step
    return Chart(
        "line",
        plot.title,
        [_label(moment, span) for moment in found.cut.moments],
        [Series(label, [_rounded(value) for value in lines[name]]) for name, label in plot.series.items()],
        unit=plot.unit,
        as_of=min(found.cut.moments[max(seen)] + step, datetime.now(UTC)) if seen else None,
        subtitle=f"{plot.why} {'Largest of each moment.' if plot.peaks else ''}".strip(),
        category_title="From",
        empty="Nothing was read in this span: the probes have not run, or the server did not answer.",
    )


def _label(moment: datetime, span: timedelta) -> str:
    local = moment.astimezone(viewer_zone())
    if span <= timedelta(hours=6):
        return f"{local:%H:%M:%S}"
    if span <= timedelta(days=1):
        return f"{local:%H:%M}"
    return f"{local:%d %b %H:%M}" if span <= timedelta(days=60) else f"{local:%d %b %Y %H:%M}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def costs(now: datetime | None = None) -> list[Cost]:
    """Return what each tier costs each server, beside its budget, the servers in the order of the tabs."""
    moment = now or datetime.now(UTC)
    order = {name: number for number, (name, _) in enumerate(sources())}
    rows: Sequence[MetricSource] = [row for row in queries.list_sources() if row.source in order]
    tiers = list(TIERS)
    return [
        _cost(row, moment) for row in sorted(rows, key=lambda row: (order[row.source], tiers.index(row.tier)))
    ]


def _cost(row: MetricSource, now: datetime) -> Cost:
    probes: dict[str, float] = row.costs.get("probes", {})
    total = sum(probes.values())
    dearest = max(probes, key=probes.__getitem__, default="")
    late = timedelta(seconds=LATE_ROUNDS * TIERS[row.tier])
    stale = row.taken_at is None or now - row.taken_at > late
    return Cost(
        source=row.source,
        tier=TITLES[row.tier],
        cost_ms=total,
        budget_ms=BUDGET_MS[row.tier],
        connect_ms=row.costs.get("connect_ms", 0.0),
        dearest=dearest,
        dearest_ms=probes.get(dearest, 0.0),
        status=_status(row, total, stale=stale),
        taken_at=row.taken_at,
        stale=stale,
        error=row.error,
        failures=dict(row.failures),
    )


def _status(row: MetricSource, total: float, *, stale: bool) -> str:
    if row.error:
        return "critical"
    if stale:
        return "stale"
    return "warning" if total > BUDGET_MS[row.tier] or row.failures else "ok"
