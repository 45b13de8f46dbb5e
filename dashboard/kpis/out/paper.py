"""Owns a page as PDF: typst sets it, with the charts as drawings. Every text goes in as a value."""

import json
from collections.abc import Iterator
from datetime import tzinfo
from decimal import Decimal

import structlog
import typst

from dashboard.core.charts import NO_DATA
from dashboard.core.config import CHECKOUT
from dashboard.core.errors import UnavailableError
from dashboard.core.filters import number
from dashboard.kpis.out import content, drawing
from dashboard.kpis.out.content import Sheet, Value
from dashboard.kpis.pages.page import Page

TEMPLATE = CHECKOUT / "templates" / "kpis" / "out" / "page.typ"
MOST_ROWS = 100
MOST_COLUMNS = 9  # more do not fit on paper beside each other
log = structlog.get_logger()


def page_pdf(page: Page, tenant: str, zone: tzinfo) -> bytes:
    """Set a page with its charts. Raises UnavailableError."""
    if not drawing.FONTS.is_dir():
        raise UnavailableError(
            "documents", "The fonts of documents are not built.", fix="Run make static/vendor/.built."
        )
    data = json.dumps(_shown(page, tenant, zone), ensure_ascii=False)
    try:
        pdf = typst.compile(
            str(TEMPLATE),
            root=str(TEMPLATE.parent),
            font_paths=[str(drawing.FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"data": data},
            format="pdf",
        )
    except (typst.TypstError, RuntimeError) as error:
        log.warning("page_not_set", page=page.name, error=str(error)[:500])
        raise UnavailableError("documents", f"“{page.title}” could not be set as a PDF.") from error
    if not isinstance(pdf, bytes):
        raise UnavailableError("documents", f"“{page.title}” has no single file.")
    return pdf


def _shown(page: Page, tenant: str, zone: tzinfo) -> dict[str, object]:
    return {
        "title": page.title,
        "about": content.about(page, tenant, zone),
        "notes": page.notes,
        "tiles": [
            {
                "title": tile.title,
                "text": tile.text,
                "lines": [line for line in (_target(tile.target, tile.verdict), tile.change) if line],
            }
            for tile in page.tiles
        ],
        "parts": [_part(sheet) for sheet in content.sheets(page) if sheet.name != "figures"],
    }


def _target(target: str, verdict: str) -> str:
    return " ".join(filter(None, (f"Target {target}" if target else "", verdict)))


def _part(sheet: Sheet) -> dict[str, object]:
    chart = sheet.chart
    is_empty = not sheet.rows or (chart is not None and chart.is_empty)
    left_out = len(sheet.rows) - MOST_ROWS
    return {
        "title": sheet.title,
        "subtitle": sheet.subtitle,
        "drawing": drawing.svg(chart) if chart is not None and not is_empty else "",
        "alt": chart.describe() if chart is not None else "",
        "tables": [] if is_empty else list(_tables(sheet)),
        "empty": sheet.empty if is_empty else "",
        "more": f"{left_out} more rows in the workbook (XLSX)." if left_out > 0 else "",
    }


def _tables(sheet: Sheet) -> Iterator[dict[str, object]]:
    """A table that is too wide for paper is several below each other, each with the names of its rows."""
    for first in range(1, max(len(sheet.columns), 2), MOST_COLUMNS - 1):
        chosen = slice(first, first + MOST_COLUMNS - 1)
        rows = [[_text(value) for value in (row[0], *row[chosen])] for row in sheet.rows[:MOST_ROWS]]
        yield {"columns": (sheet.columns[0], *sheet.columns[chosen]), "rows": rows}


def _text(value: Value) -> str:
    if value is None:
        return NO_DATA
    return number(value) if isinstance(value, int | float | Decimal) else value
