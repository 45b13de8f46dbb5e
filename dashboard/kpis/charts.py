"""Builds the charts from the figures, and the addresses of the records behind each mark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dashboard.core.charts import Chart, Series
from dashboard.core.filters import viewer_zone
from dashboard.kpis.figures import Figures, ItemFigure, MonthFigure, Org
from dashboard.kpis.periods import Period, bounds
from dashboard.kpis.queries import TOP_SUPPLIERS
from dashboard.records import registry
from dashboard.records.urls import list_url

Arguments = list[tuple[str, str]]


@dataclass(frozen=True)
class InsightChart:
    """A chart with the name its address uses and the records its marks lead to."""

    name: str
    chart: Chart


def build(figures: Figures, period: Period) -> list[InsightChart]:
    """Return the charts of the page, in order."""
    return [
        InsightChart("spend", _spend(figures, period)),
        InsightChart("cycle-time", _cycle_time(figures, period)),
        InsightChart("quotes", _quotes(figures, period)),
        InsightChart("stock", _stock(figures)),
    ]


def _spend(figures: Figures, period: Period) -> Chart:
    left_out = sum(figure.left_out for figure in figures.spend)
    return Chart(
        kind="stacked",
        title="Spend by month",
        subtitle="Accepted quantity at order prices, by receipt date"
        + _without_rate(left_out, "receipt line"),
        categories=[month.title for month in period.split()],
        category_title="Month",
        series=_monthly(figures, figures.spend, period, "receipt", "received_at"),
        unit=figures.currency,
        as_of=figures.as_of,
        empty="Nothing was received in this period.",
    )


def _cycle_time(figures: Figures, period: Period) -> Chart:
    return Chart(
        kind="line",
        title="RFQ cycle time",
        subtitle="Median days from sent to awarded, by month of the award",
        categories=[month.title for month in period.split()],
        category_title="Month",
        series=_monthly(
            figures, figures.cycle_times, period, "rfq", "awarded_at", extra=[("sent_at__filled", "1")]
        ),
        unit="days",
        as_of=figures.as_of,
        empty="No RFQ was awarded in this period.",
    )


def _quotes(figures: Figures, period: Period) -> Chart:
    def link(figure: ItemFigure) -> str:
        supplier = [("supplier_id", str(figure.id))]
        return _records("quote", supplier + _between("submitted_at", period, figures.org(figure.org_id)))

    more = figures.quoting_suppliers > TOP_SUPPLIERS
    return Chart(
        kind="bars",
        title="Quotes by supplier",
        subtitle="Quotes submitted"
        + (f"; the first {TOP_SUPPLIERS} of {figures.quoting_suppliers:,} suppliers" if more else ""),
        categories=[figure.name for figure in figures.quotes],
        category_title="Supplier",
        series=[_items("Quotes", figures.quotes, link)],
        unit="quotes",
        as_of=figures.as_of,
        empty="No quote was submitted in this period.",
    )


def _stock(figures: Figures) -> Chart:
    def link(figure: ItemFigure) -> str:
        return _records("stock_balance", [("warehouse_id", str(figure.id))])

    left_out = sum(figure.left_out for figure in figures.stock)
    return Chart(
        kind="bars",
        title="Stock value by warehouse",
        subtitle="Balance at moving average cost, now" + _without_rate(left_out, "balance"),
        categories=[_with_org(figure, figures) for figure in figures.stock],
        category_title="Warehouse",
        series=[_items("Stock value", figures.stock, link)],
        unit=figures.currency,
        as_of=figures.as_of,
        empty="No stock has been moved yet.",
    )


def _with_org(figure: ItemFigure, figures: Figures) -> str:
    """Name a thing with its organization where several are shown: each may have a warehouse W1."""
    owner = next((org.name for org in figures.orgs if org.id == figure.org_id), "")
    return f"{figure.name}, {owner}" if len(figures.orgs) > 1 else figure.name


def _without_rate(count: int, what: str) -> str:
    """Say what could not be counted: a silent gap would look like a smaller number."""
    return f"; {count:,} {what}{'' if count == 1 else 's'} without an exchange rate left out" if count else ""


def _monthly(
    figures: Figures,
    found: Sequence[MonthFigure],
    period: Period,
    entity: str,
    column: str,
    *,
    extra: Sequence[tuple[str, str]] = (),
) -> list[Series]:
    """One series for each organization, since their months begin at different moments."""
    values = {(figure.org_id, figure.month): figure for figure in found}
    months = period.split()
    series = []
    for org in figures.orgs:
        hits = [values.get((org.id, month.key)) for month in months]
        links = [
            _records(
                entity,
                [("org_id", str(org.id)), *_between(column, Period(month.first, month.last), org), *extra],
            )
            if hit
            else ""
            for hit, month in zip(hits, months, strict=True)
        ]
        if any(hits):
            series.append(Series(org.name, [_rounded(hit) for hit in hits], links))
    return series


def _items(name: str, found: Sequence[ItemFigure], link: Callable[[ItemFigure], str]) -> Series:
    return Series(name, [_rounded(figure) for figure in found], [link(figure) for figure in found])


def _rounded(figure: MonthFigure | ItemFigure | None) -> float | None:
    return None if figure is None or figure.value is None else round(float(figure.value), 2)


def _records(entity: str, arguments: Arguments) -> str:
    """Address of the list of exactly these records; '' where there is none that the person may open."""
    screen = registry.find(entity)
    if screen is None or not screen.spec.allows("view"):
        return ""
    return list_url(entity, dict(arguments))


def _between(column: str, period: Period, org: Org) -> Arguments:
    """Filters for a period of an organization's calendar: days if the viewer has the same, else moments."""
    start, end = bounds(period.first, period.last, ZoneInfo(org.time_zone))
    if _is_midnight(start) and _is_midnight(end):
        return [(f"{column}__from", _day(start)), (f"{column}__to", _day(end - timedelta(days=1)))]
    last = end - timedelta(microseconds=1)  # "up to" includes its moment
    return [(f"{column}__from", start.isoformat()), (f"{column}__to", last.isoformat())]


def _is_midnight(moment: datetime) -> bool:
    return moment.astimezone(viewer_zone()).time() == time.min


def _day(moment: datetime) -> str:
    day: date = moment.astimezone(viewer_zone()).date()
    return day.isoformat()
