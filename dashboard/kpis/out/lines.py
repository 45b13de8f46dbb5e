"""Owns a page as CSV: all its parts under one another, or one of them as a plain table."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import tzinfo

from dashboard.core.errors import NotFoundError
from dashboard.kpis.out import content
from dashboard.kpis.out.content import Sheet, Value
from dashboard.kpis.pages.page import Page

GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\ufeff"  # or spreadsheets take the file for their own old code page


def page_csv(page: Page, tenant: str, zone: tzinfo, part: str = "") -> bytes:
    """Write a page, or the part of that name alone. Raises NotFoundError."""
    sheets = content.sheets(page)
    if not part:
        return _written(_whole(page, tenant, zone, sheets))
    found = next((sheet for sheet in sheets if sheet.name == part), None)
    if found is None:
        raise NotFoundError("There is no such chart on this page.", fix="Choose one on the page.")
    return _written(_rows(found))


def _whole(page: Page, tenant: str, zone: tzinfo, sheets: list[Sheet]) -> Iterator[tuple[Value, ...]]:
    yield (page.title,)
    yield from content.about(page, tenant, zone)
    yield from (("Note", note) for note in page.notes)
    for sheet in sheets:
        yield ()
        yield (sheet.title, sheet.subtitle) if sheet.subtitle else (sheet.title,)
        yield from _rows(sheet)


def _rows(sheet: Sheet) -> Iterator[tuple[Value, ...]]:
    yield sheet.columns
    yield from sheet.rows


def _written(rows: Iterable[tuple[Value, ...]]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([_guarded(value) for value in row] for row in rows)
    return (BYTE_ORDER_MARK + file.getvalue()).encode()


def _guarded(value: Value) -> str:
    """Text that a spreadsheet would run as a formula stays text; numbers are numbers."""
    text = content.written(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(GUARDED) else text
