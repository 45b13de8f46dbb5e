"""Owns the file of refused rows: as uploaded, with a column that says why, to be corrected and sent again."""

import csv
import io
from collections.abc import Iterator, Sequence

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.imports.models import ImportRow, ImportRun
from dashboard.imports.reading import REASON
from dashboard.imports.targets import Target
from dashboard.records.export import GUARDED

BATCH = 1000


def reason(target: Target, row: ImportRow) -> str:
    """Why a row was refused, as one line."""
    columns = target.all_columns
    faults = row.detail.get("e", {}).items()
    return " ".join(f"{columns[key].label}: {words}" if key in columns else words for key, words in faults)


def lines(session: Session, run: ImportRun, target: Target) -> Iterator[list[str]]:
    """The refused rows in the order of the file."""
    query = select(ImportRow).where(ImportRow.run_id == run.id, ImportRow.outcome == "refuse")
    rows = session.scalars(query.order_by(ImportRow.line).execution_options(yield_per=BATCH))
    for row in rows:
        yield [*map(str, row.cells), reason(target, row)]


def _padded(headings: Sequence[str], cells: list[str]) -> list[str]:
    """A row as wide as the heading, its reason last."""
    width = len(headings)
    return [*cells[:-1], *[""] * (width - len(cells) + 1), cells[-1]]


def heading(headings: Sequence[str]) -> list[str]:
    """The heading without an older column of reasons, and with the new one."""
    return [*(name for name in headings if name != REASON), REASON]


def as_csv(headings: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    """CSV in pieces; formulas are guarded, and the guard is taken off again by the next upload."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([_guard(name) for name in heading(headings)])
    for cells in rows:
        writer.writerow([_guard(cell) for cell in _padded(heading(headings)[:-1], cells)])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _guard(cell: str) -> str:
    return f"'{cell}" if cell and cell[0] in GUARDED else cell


def as_xlsx(headings: Sequence[str], rows: Iterator[list[str]]) -> bytes:
    """A workbook whose cells are all text, so that nothing is read anew as a date or formula."""
    buffer = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet("Refused rows")
        names = heading(headings)
        for column, name in enumerate(names):
            sheet.write_string(0, column, name[:32_000])
        for number, cells in enumerate(rows, start=1):
            for column, cell in enumerate(_padded(names[:-1], cells)):
                sheet.write_string(number, column, cell[:32_000])
    return buffer.getvalue()
