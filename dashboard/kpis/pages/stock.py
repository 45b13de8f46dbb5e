"""Stock: how old it is, and what is to be ordered."""

from decimal import Decimal
from typing import Any

from dashboard.core.charts import NO_DATA, Chart, Series
from dashboard.core.filters import number
from dashboard.kpis.pages import breakdown
from dashboard.kpis.pages.context import Context
from dashboard.kpis.pages.page import Cell, Column, PageChart, Table

AGES = ("0 to 30 days", "31 to 90 days", "91 to 180 days", "more than 180 days")
# From fresh to old, told apart without colours by their patterns.
PALETTE = ("#0c9f83", "#4c6ef5", "#d9730d", "#d6455d")
SHOWN = 50
AGEING = """
    SELECT category_id, sum(each * age_30), sum(each * age_90), sum(each * age_180), sum(each * age_older)
    FROM (
        SELECT category_id, age_30, age_90, age_180, age_older, value / on_hand AS each FROM kpi_stock
        WHERE org_id = ANY(%(orgs)s)
            AND (%(categories)s::bigint[] IS NULL OR category_id = ANY(%(categories)s))
            AND on_hand > 0 AND value IS NOT NULL
        OFFSET 0 -- or each of the sums would divide anew
    ) AS priced
    GROUP BY category_id
"""
TO_ORDER = """
    SELECT s.product_id, p.sku, p.name, s.on_hand, s.on_order, s.reorder_point, s.basis, s.daily_mean,
        s.lead_mean, s.suggested, count(*) OVER ()
    FROM kpi_stock AS s JOIN product AS p ON p.id = s.product_id
    WHERE s.org_id = ANY(%(orgs)s) AND (%(categories)s::bigint[] IS NULL
        OR s.category_id = ANY(%(categories)s))
        AND s.on_hand < s.reorder_point AND p.is_active AND p.deleted_at IS NULL
    ORDER BY s.suggested * p.standard_cost DESC NULLS LAST, p.sku, s.product_id
    LIMIT %(limit)s
"""


def charts(context: Context) -> list[PageChart]:
    """Value by age, first in first out, by category."""
    rows = sorted(_ages(context), key=lambda row: -sum(row[2:]))[: breakdown.SHOWN]
    chart = Chart(
        kind="layers",
        title="Stock value by age",
        subtitle="As it lies now, first in first out"
        + (f"; the {breakdown.SHOWN} largest categories" if len(rows) == breakdown.SHOWN else ""),
        categories=[row[1] for row in rows],
        category_title="Category",
        series=[
            Series(age, [round(float(row[index + 2]), 2) for row in rows]) for index, age in enumerate(AGES)
        ],
        links=[context.narrow("stock_aged", category=str(row[0] or "")) for row in rows],
        unit=context.currency,
        as_of=context.as_of,
        empty="Nothing lies in stock." if context.as_of else breakdown.NOT_COMPUTED,
        palette=PALETTE,
    )
    return [PageChart("ageing", chart)]


def _ages(context: Context) -> list[tuple[Any, ...]]:
    """A category's id, path and values by age; one path is one category, whosever it is."""
    names = {each.id: each.path for each in context.selection.choices.categories}
    added: dict[str, list[Any]] = {}
    for category, *ages in _ask(context, AGEING):
        row = added.setdefault(names.get(category, "None"), [category, *([Decimal(0)] * len(AGES))])
        row[1:] = [there + more for there, more in zip(row[1:], ages, strict=True)]
    return [(category, path, *ages) for path, (category, *ages) in added.items()]


def tables(context: Context) -> list[Table]:
    """Products below their reorder point, those that cost most to fill up first."""
    rows = _ask(context, TO_ORDER)
    total = rows[0][-1] if rows else 0
    columns = (
        Column("Product", is_number=False),
        Column("In stock"),
        Column("On order"),
        Column("Reorder point"),
        Column("Point is", is_number=False, hint="Computed from demand and lead time, or declared"),
        Column("Shipped a day"),
        Column("Lead time (days)"),
        Column(
            "Suggested order",
            hint="Lifts what is in stock and on order to the point; at least the smallest order",
        ),
    )
    more = f"The {SHOWN} dearest to fill up of {total:,}" if total > SHOWN else ""
    return [
        Table(
            name="reorder",
            title="Below the reorder point",
            columns=columns,
            rows=[_row(context, row) for row in rows],
            subtitle=more,
            empty="No product lies below its reorder point." if context.as_of else breakdown.NOT_COMPUTED,
        )
    ]


def _row(context: Context, row: Any) -> tuple[Cell, ...]:
    product, sku, name, on_hand, on_order, point, basis, daily, lead, suggested, _ = row
    return (
        Cell(f"{sku} · {name}", sku, context.links.record("product", product)),
        _number(on_hand),
        _number(on_order),
        _number(point, 1),
        Cell(basis or NO_DATA, basis),
        _number(daily, 2),
        _number(lead, 1),
        _number(suggested),
    )


def _number(value: Decimal | None, digits: int | None = None) -> Cell:
    """Computed numbers have the same digits in each row, so that they stand in line."""
    return Cell(NO_DATA if value is None else number(value, digits), value)


def _ask(context: Context, query: str) -> list[Any]:
    filters = context.selection.sums
    binds = {"orgs": list(filters.org_ids), "categories": list(filters.category_ids) or None, "limit": SHOWN}
    return list(context.session.connection().exec_driver_sql(query, binds))
