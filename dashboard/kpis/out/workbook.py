"""Owns a page as XLSX: one sheet about it, one for each of its parts, with charts that can be edited."""

import io
import re
from datetime import tzinfo
from decimal import Decimal
from typing import Any

import xlsxwriter

from dashboard.core.charts import NO_DATA, Chart
from dashboard.kpis.out import content, drawing
from dashboard.kpis.out.content import Sheet, Value
from dashboard.kpis.pages.page import Page

LONGEST_NAME = 31  # of a sheet, for Excel
FORBIDDEN = re.compile(r"[\[\]:*?/\\']")
# How Excel calls what our kinds draw; other kinds go in as the picture of the page.
NATIVE: dict[str, dict[str, str]] = {
    "bar": {"type": "column"},
    "bars": {"type": "bar"},
    "stacked": {"type": "column", "subtype": "stacked"},
    "layers": {"type": "bar", "subtype": "stacked"},
    "line": {"type": "line"},
    "area": {"type": "area"},
    "pie": {"type": "pie"},
    "donut": {"type": "doughnut"},
}
WIDEST, NARROWEST = 60, 12
HEADING_ROW = 2


def page_xlsx(page: Page, tenant: str, zone: tzinfo) -> bytes:
    """Write a page as a workbook."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"title": page.title, "subject": tenant})
        styles = {
            "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
            "title": book.add_format({"bold": True, "font_size": 14}),
            "number": book.add_format({"num_format": "#,##0.00"}),
            "whole": book.add_format({"num_format": "#,##0"}),
            "none": book.add_format({"italic": True, "font_color": "#5d6676", "align": "right"}),
        }
        _about(book, page, tenant, zone, styles)
        names = {"about"}
        for sheet in content.sheets(page):
            _sheet(book, sheet, _free(sheet.title, names), styles)
    return file.getvalue()


def _about(book: Any, page: Page, tenant: str, zone: tzinfo, styles: dict[str, Any]) -> None:
    sheet = book.add_worksheet("About")
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, WIDEST)
    sheet.write_string(0, 0, page.title, styles["title"])
    pairs = [*content.about(page, tenant, zone), *(("Note", note) for note in page.notes)]
    for row, (label, value) in enumerate(pairs, start=HEADING_ROW):
        sheet.write_string(row, 0, label)
        sheet.write_string(row, 1, value)


def _sheet(book: Any, sheet: Sheet, name: str, styles: dict[str, Any]) -> None:
    there = book.add_worksheet(name)
    there.write_string(0, 0, sheet.title, styles["title"])
    there.write_string(1, 0, sheet.subtitle or ("" if sheet.rows else sheet.empty))
    there.freeze_panes(HEADING_ROW + 1, 1)
    for column, title in enumerate(sheet.columns):
        there.set_column(column, column, _width(sheet, column))
        there.write_string(HEADING_ROW, column, title, styles["head"])
    for row, values in enumerate(sheet.rows, start=HEADING_ROW + 1):
        for column, value in enumerate(values):
            _cell(there, row, column, value, styles)
    if sheet.chart is not None and not sheet.chart.is_empty:
        _draw(book, there, name, sheet, sheet.chart)


def _cell(there: Any, row: int, column: int, value: Value, styles: dict[str, Any]) -> None:
    if value is None:
        there.write_string(row, column, NO_DATA, styles["none"])
    elif isinstance(value, str):
        there.write_string(row, column, value)
    else:
        is_whole = isinstance(value, int) or Decimal(value) == int(value)
        there.write_number(row, column, float(value), styles["whole" if is_whole else "number"])


def _draw(book: Any, there: Any, name: str, sheet: Sheet, chart: Chart) -> None:
    place = (HEADING_ROW, len(sheet.columns) + 1)
    if chart.kind not in NATIVE:
        picture = {"image_data": io.BytesIO(drawing.png(chart)), "x_scale": 0.5, "y_scale": 0.5}
        there.insert_image(*place, "chart.png", picture | {"description": chart.describe()})
        return
    drawn = book.add_chart(NATIVE[chart.kind])
    first, last = HEADING_ROW + 1, HEADING_ROW + len(sheet.rows)
    is_round = chart.kind in {"pie", "donut"}
    for place_of, series in enumerate(chart.series[: 1 if is_round else None]):
        entry = {
            "name": series.name,
            "categories": [name, first, 0, last, 0],
            "values": [name, first, place_of + 1, last, place_of + 1],
        }
        colour = {"color": chart.palette[place_of % len(chart.palette)]}
        drawn.add_series(entry if is_round else entry | {"fill": colour, "line": colour})
    drawn.set_title({"name": chart.title})
    if not is_round:
        drawn.set_y_axis(
            {"name": chart.unit, "reverse": False} if chart.kind != "bars" else {"reverse": True}
        )
    drawn.show_blanks_as("gap")
    drawn.set_size({"width": drawing.WIDTH, "height": drawing.HEIGHT})
    there.insert_chart(*place, drawn, {"description": chart.describe()})


def _width(sheet: Sheet, column: int) -> int:
    longest = max((len(content.written(row[column])) for row in sheet.rows[:200]), default=0)
    return min(max(longest + 2, NARROWEST), WIDEST)


def _free(title: str, taken: set[str]) -> str:
    """A name Excel allows, unlike those before it."""
    plain = FORBIDDEN.sub(" ", title).strip()[:LONGEST_NAME] or "Sheet"
    name, count = plain, 1
    while name.casefold() in taken:
        count += 1
        ending = f" {count}"
        name = plain[: LONGEST_NAME - len(ending)] + ending
    taken.add(name.casefold())
    return name
