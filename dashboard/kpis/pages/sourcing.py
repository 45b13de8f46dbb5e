"""Sourcing: how many requests get how far."""

from dashboard.core.charts import Chart, Series
from dashboard.kpis.pages import breakdown
from dashboard.kpis.pages.context import Context
from dashboard.kpis.pages.page import PageChart

STEPS = ("rfqs_sent", "rfqs_quoted", "rfqs_awarded", "rfqs_ordered")


def charts(context: Context) -> list[PageChart]:
    """The funnel from requests sent to orders."""
    steps = [context.readings[code] for code in STEPS if code in context.readings]
    if not steps:
        return []
    counts = [step.now.value for step in steps]
    first = counts[0]
    shares = [
        round(float(100 * count / first), 1) if count is not None and first else None for count in counts
    ]
    chart = Chart(
        kind="funnel",
        title="From request to order",
        subtitle="Requests sent in the period, and how far they came",
        categories=[step.kpi.title for step in steps],
        category_title="Step",
        series=[
            Series("Requests", [int(count) if count is not None else None for count in counts]),
            Series("Share of those sent", shares, unit="%"),
        ],
        links=[context.links.proof(step.kpi.code, context.selection.arguments) for step in steps],
        as_of=context.as_of,
        empty=breakdown.why_empty(context),
    )
    return [PageChart("funnel", chart)]
