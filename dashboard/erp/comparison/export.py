"""Owns the sheet as CSV and XLSX: what is seen, with the rates and what is missing said."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO, StringIO

import xlsxwriter

from dashboard.erp.comparison.sheet import Cell, Offered, Sheet

GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n")
WORDS = {
    Offered.NO_BID: "no bid",
    Offered.UNPRICED: "not priced",
    Offered.SEALED: "sealed",
    Offered.MISSING: "no offer",
}
Value = str | Decimal | int


def rows(sheet: Sheet) -> Iterator[list[Value]]:
    """The sheet line by line: four columns a supplier, sums and rates below."""
    yield _heading(sheet)
    for row in sheet.rows:
        line = row.line
        need_by = line.need_by.isoformat() if line.need_by else ""
        values: list[Value] = [line.position, line.sku, line.label, line.quantity, line.unit, need_by]
        for cell in row.cells:
            values += _cell(cell)
        yield values
    blank: list[Value] = ["", "", "", "", ""]
    yield [*blank, "Total", *_totals(sheet)]
    yield [
        *blank,
        "Freight and duty",
        *_each(sheet, [f"{o.freight + o.duty} {o.currency}" for o in sheet.offers]),
    ]
    yield [
        *blank,
        "Lines covered",
        *_each(sheet, [f"{o.covered} of {len(sheet.rows)}" for o in sheet.offers]),
    ]
    for used in sheet.conversions():
        yield ["", "", f"1 {used.source} = {used.rate:.8f} {used.target} ({used.on_date})"]
    for code in sheet.missing:
        yield ["", "", f"No rate from {code} to {sheet.currency} is known: not converted"]


def _heading(sheet: Sheet) -> list[Value]:
    values: list[Value] = ["Line", "SKU", "Description", "Quantity", "Unit", "Need by"]
    for offer in sheet.offers:
        name = offer.supplier
        values += [f"{name}: unit price {sheet.currency}", f"{name}: landed {sheet.currency}"]
        values += [f"{name}: lead days", f"{name}: remark"]
    return values


def _cell(cell: Cell | None) -> list[Value]:
    if cell is None:
        return ["", "", "", WORDS[Offered.MISSING]]
    marks = [WORDS.get(cell.bid.offered, "")]
    marks += ["lowest landed cost"] if cell.is_best else []
    marks += ["fastest"] if cell.is_fastest else []
    marks += [f"awarded {cell.awarded.normalize():f}"] if cell.awarded else []
    if cell.bid.offered is Offered.PRICED and cell.price is None:
        marks.append("no exchange rate")
    days = cell.bid.lead_days if cell.bid.lead_days is not None else ""
    return [_money(cell.price), _money(cell.landed), days, ", ".join(mark for mark in marks if mark)]


def _money(amount: Decimal | None) -> Value:
    return "" if amount is None else round(amount, 4)


def _totals(sheet: Sheet) -> list[Value]:
    values: list[Value] = []
    for offer in sheet.offers:
        remark = "sealed" if offer.sealed else "" if offer.is_full else "partial"
        values += [_money(offer.goods), _money(offer.landed), "", remark]
    return values


def _each(sheet: Sheet, texts: list[str]) -> list[Value]:
    """One text a supplier; nothing while prices are sealed."""
    values: list[Value] = []
    for offer, text in zip(sheet.offers, texts, strict=True):
        values += ["" if offer.sealed else text, "", "", ""]
    return values


def to_csv(sheet: Sheet) -> bytes:
    """UTF-8 with a mark, so that spreadsheets read it; texts that would run as formulas are guarded."""
    file = StringIO()
    csv.writer(file).writerows([_guarded(value) for value in row] for row in rows(sheet))
    return file.getvalue().encode("utf-8-sig")


def _guarded(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(GUARDED) else value


def to_xlsx(sheet: Sheet) -> bytes:
    """A workbook with one sheet; texts are texts, numbers are numbers."""
    file = BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        page = book.add_worksheet("Comparison")
        bold = book.add_format({"bold": True, "text_wrap": True})
        for number, values in enumerate(rows(sheet)):
            for column, value in enumerate(values):
                if isinstance(value, str):
                    page.write_string(number, column, value, bold if number == 0 else None)
                else:
                    page.write_number(number, column, float(value))
        page.freeze_panes(1, 3)
    return file.getvalue()
