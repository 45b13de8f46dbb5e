"""Market intelligence: where prices go, how far bids spread, and how few suppliers the money goes to."""

from dashboard.core.charts import Chart, Series
from dashboard.kpis import outliers, periods
from dashboard.kpis.outliers import Box
from dashboard.kpis.pages import breakdown, reading, wording
from dashboard.kpis.pages.context import Context
from dashboard.kpis.pages.page import PageChart
from dashboard.kpis.registry import KPIS, Kpi

INDEX, CONCENTRATION, OUTLIERS = "price_index", "concentration", "price_outliers"
REGIONS_SHOWN = 6


def charts(context: Context) -> list[PageChart]:
    """The price index by region over time, its spread by category, and the concentration of spend."""
    known = {kpi.code: kpi for kpi in context.kpis}
    made: list[PageChart] = []
    if INDEX in known:
        made.append(PageChart("regions-over-time", _regions(context, known[INDEX])))
    if OUTLIERS in known:
        made.append(PageChart("spread", _spread(context)))
    if CONCENTRATION in known:
        made.append(PageChart("concentration", _concentration(context, known[CONCENTRATION])))
    return made


def _regions(context: Context, kpi: Kpi) -> Chart:
    """A line per region; those with most bids."""
    cells = reading.read_by(context.session, kpi, context.selection.sums, ("region", "month"))
    counted: dict[str, int] = {}
    for figure in cells.values():
        counted[figure.keys[0]] = counted.get(figure.keys[0], 0) + figure.n
    shown = sorted(counted, key=lambda region: (-counted[region], region))[:REGIONS_SHOWN]
    months = context.selection.period.span.months
    series = [
        Series(
            region or "None",
            [
                wording.plain(kpi, figure.value if figure else None)
                for figure in (cells.get((region, month)) for month in months)
            ],
            [context.narrow(kpi.code, region=region, **periods.only(month)) for month in months],
        )
        for region in sorted(shown)
    ]
    more = (
        f"The {REGIONS_SHOWN} regions with most bids of {len(counted)}" if len(counted) > len(shown) else ""
    )
    return Chart(
        kind="line",
        title=f"{kpi.title} by region and month",
        subtitle=more,
        categories=[periods.month_title(month) for month in months],
        category_title="Month",
        series=series,
        is_scaled=True,
        as_of=context.as_of,
        empty=breakdown.why_empty(context),
    )


def _spread(context: Context) -> Chart:
    """How the bids of each category lie around the middle of the market."""
    names = {each.id: each.path for each in context.selection.choices.categories}
    boxes = outliers.read_boxes(context.session, context.selection.sums, breakdown.SHOWN)
    shown = sorted(boxes, key=lambda box: names.get(box.category_id, ""))

    def link(box: Box) -> str:
        return context.narrow(OUTLIERS, category=str(box.category_id)) if box.category_id else ""

    return Chart(
        kind="box",
        title="Spread of bids by category",
        subtitle="Price index of all bids; an outlier lies above the third quartile + 1.5 times the box",
        categories=[names.get(box.category_id, "None") for box in shown],
        category_title="Category",
        series=[
            Series("Lowest", [box.least for box in shown]),
            Series("First quartile", [box.lower for box in shown]),
            Series("Median", [box.median for box in shown]),
            Series("Third quartile", [box.upper for box in shown]),
            Series("Highest that is no outlier", [box.most for box in shown]),
            Series("Highest bid", [box.highest for box in shown]),
            Series("Outliers", [box.outliers for box in shown]),
            Series("Bids", [box.n for box in shown]),
        ],
        links=[link(box) for box in shown],
        as_of=context.as_of,
        empty=breakdown.why_empty(context),
    )


def _concentration(context: Context, kpi: Kpi) -> Chart:
    names = {each.id: each.path for each in context.selection.choices.categories}
    figures = reading.read_by(context.session, kpi, context.selection.sums, ("category_id",))

    def link(category: int) -> str:
        return context.narrow(KPIS[CONCENTRATION].code, category=str(category)) if category else ""

    return breakdown.bars(
        context, kpi, figures.values(), lambda key: names.get(key, "None"), link, "category"
    )
