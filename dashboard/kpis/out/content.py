"""Owns what an exported page holds: figures, charts and tables as rows, and in words what it is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal

from dashboard.core.charts import NO_DATA, Chart
from dashboard.kpis.pages.page import Page, Table

Value = str | int | float | Decimal | None


@dataclass(frozen=True)
class Sheet:
    """Rows under headings. None in a row is "no data"; `chart` is what draws them, `name` its address."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    subtitle: str = ""
    empty: str = ""
    chart: Chart | None = None


def sheets(page: Page) -> list[Sheet]:
    """Everything on a page as rows: its figures first, then charts, then tables."""
    figures = [_figures(page)] if page.tiles else []
    charts = [_of_chart(item.name, item.chart) for item in page.charts]
    return [*figures, *charts, *(_of_table(table) for table in page.tables)]


def about(page: Page, tenant: str, zone: tzinfo) -> list[tuple[str, str]]:
    """What the page is about, as pairs of a label and its value."""
    as_of = moment(page.as_of, zone) if page.as_of else "never computed yet"
    return [("Tenant", tenant), *page.selection.words, ("As of", as_of)]


def moment(at: datetime, zone: tzinfo) -> str:
    """Write a moment with its zone, as it is read on paper."""
    there = at.astimezone(zone)
    return f"{there:%-d %b %Y, %H:%M} {there.tzname()}"


def written(value: Value) -> str:
    """A value as text without thousands separators, as programs read it."""
    if value is None:
        return NO_DATA
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


def _figures(page: Page) -> Sheet:
    columns = ("KPI", "Value", "Unit", "As shown", "Records", "Change", "Target", "Verdict", "Formula")
    rows = tuple(
        (
            tile.title,
            tile.value,
            tile.unit,
            tile.text,
            tile.n,
            tile.change,
            tile.target,
            tile.verdict,
            tile.formula,
        )
        for tile in page.tiles
    )
    return Sheet("figures", "Figures", columns, rows)


def _of_chart(name: str, chart: Chart) -> Sheet:
    units = [series.unit or chart.unit for series in chart.series]
    named = (
        f"{each.name} ({unit})" if unit else each.name for each, unit in zip(chart.series, units, strict=True)
    )
    columns = (chart.category_title, *named)
    rows = tuple(_lines(chart))
    return Sheet(name, chart.title, columns, rows, chart.subtitle, chart.empty, chart)


def _lines(chart: Chart) -> Iterator[tuple[Value, ...]]:
    for index, category in enumerate(chart.categories):
        values = (series.values[index : index + 1] for series in chart.series)
        yield (category, *(found[0] if found else None for found in values))


def _of_table(table: Table) -> Sheet:
    columns = tuple(column.title for column in table.columns)
    rows = tuple(tuple(cell.text if cell.value is None else cell.value for cell in row) for row in table.rows)
    return Sheet(table.name, table.title, columns, rows, table.subtitle, table.empty)
