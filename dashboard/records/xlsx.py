"""Owns the XLSX of a list: exactly the columns seen, numbers as numbers, dates as dates, in constant memory.

PostgreSQL writes each row's XML and COPY hands it over; here it is only compressed into the file on its way
out: ten million cells made in Python would take a minute. Beyond Excel's row limit a further sheet begins.
"""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any
from xml.sax.saxutils import escape

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.records import xlsx_parts as parts
from dashboard.records.columns import NUMBERS, Column, Kind
from dashboard.records.export import GUARDED, copy_out, ordered
from dashboard.records.listing import Joins, conditions, make_order
from dashboard.records.spec import Spec
from dashboard.records.state import ListState

SHEET_ROWS = 1_048_576
PIECE = 65_536
LEVEL = 1
"""The quickest compression: the XML repeats itself so much that more takes time and saves little."""
MAX_TEXT = 32_767
"""What a cell of Excel can hold, in characters."""
EPOCH_DAY, EPOCH_MOMENT = "1899-12-30", "1899-12-30 00:00:00"
FIRST_DAY = "1900-03-01"
"""Before this day Excel counts days wrongly; earlier ones are written as text."""
# What XML or COPY would not carry as it is: markup, backslash and control characters.
_RISKY = "[&<>\\\\\\x01-\\x1f]"
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\\", "&#92;"), ("\t", "&#9;"), ("\n", "&#10;"))
_UNPRINTABLE = "".join(map(chr, range(1, 32)))


def heads(spec: Spec, state: ListState) -> list[tuple[str, bool]]:
    """Labels of the columns with whether each is wide."""
    wide = {Kind.TEXT, Kind.LONG_TEXT, Kind.REFERENCE, Kind.MOMENT, Kind.DOCUMENT}
    columns = [spec.columns[key] for key in _keys(spec, state)]
    return [(column.label, column.kind in wide) for column in columns]


def _keys(spec: Spec, state: ListState) -> list[str]:
    """The columns seen, in order; an amount is followed by its currency, as the list shows it."""
    found: list[str] = []
    for key in state.columns:
        currency = spec.columns[key].currency
        follows = [currency] if currency and currency not in state.columns else []
        found += [key, *follows]
    return list(dict.fromkeys(found))


def query(spec: Spec, state: ListState, zone: tzinfo) -> sa.Select[Any]:
    """One text column with the XML of each row, in the order of the list. Times are those of `zone`."""
    joins = Joins(spec)
    row: sa.ColumnElement[str] = _literal("<row>")
    for key in _keys(spec, state):
        row = row.op("||")(_cell(joins, spec.columns[key], zone))
    order = make_order(spec, joins, state.sort, descending=state.descending)
    select = sa.select(row.op("||")(_literal("</row>"))).select_from(joins.source)
    return select.where(*conditions(spec, state)).order_by(*ordered(order))


def _literal(text: str) -> sa.ColumnElement[str]:
    return sa.cast(sa.literal(text), sa.Text)


def _cell(joins: Joins, column: Column, zone: tzinfo) -> sa.ColumnElement[str]:
    """XML of one cell; an empty one without a value."""
    if column.kind in NUMBERS:
        shown = sa.func.trim_scale(column.column) if column.kind is Kind.DECIMAL else column.column
        return _wrap(column.column, "<c><v>", sa.cast(shown, sa.Text))
    if column.kind in {Kind.DATE, Kind.MOMENT}:
        return _day(column, zone)
    if column.kind is Kind.BOOLEAN:
        yes, no = (_literal(f'<c t="str"><v>{word}</v></c>') for word in ("Yes", "No"))
        return sa.case((column.column, yes), (sa.not_(column.column), no), else_=_literal("<c/>"))
    if column.kind is Kind.CHOICE:
        words = [
            (column.column == value, _literal(f'<c t="str"><v>{escape(label)}</v></c>'))
            for value, label in column.choices
        ]
        return sa.case(*words, else_=_text(column.column))
    return _text(sa.cast(joins.label(column) if column.reference else column.column, sa.Text))


def _wrap(value: sa.ColumnElement[Any], start: str, inner: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    whole = _literal(start).op("||")(inner).op("||")(_literal("</v></c>"))
    return sa.case((value.is_(None), _literal("<c/>")), else_=whole)


def _day(column: Column, zone: tzinfo) -> sa.ColumnElement[str]:
    """Days since Excel's first one; the style shows them as a date."""
    value: sa.ColumnElement[Any] = column.column
    style = parts.DATE
    if column.kind is Kind.MOMENT:
        style = parts.MOMENT
        value = sa.func.timezone(str(getattr(zone, "key", None) or ("UTC" if zone is UTC else zone)), value)
        seconds = sa.extract("epoch", value - sa.cast(sa.literal(EPOCH_MOMENT), sa.TIMESTAMP))
        serial: sa.ColumnElement[Any] = sa.func.round(sa.cast(seconds / 86_400, sa.Numeric), 9)
    else:
        serial = value - sa.cast(sa.literal(EPOCH_DAY), sa.Date)
    early = value < sa.cast(sa.literal(FIRST_DAY), sa.Date)
    plain = _wrap(column.column, f'<c s="{style}"><v>', sa.cast(serial, sa.Text))
    return sa.case((early, _text(sa.cast(column.column, sa.Text))), else_=plain)


def _text(value: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A text cell. One that a spreadsheet would run if it were typed carries Excel's own quote mark."""
    start = sa.case(
        (
            sa.func.strpos(GUARDED, sa.func.left(value, 1)) > 0,
            _literal(f'<c t="str" s="{parts.QUOTED}"><v>'),
        ),
        else_=_literal('<c t="str"><v>'),
    )
    cut = sa.func.left(value, MAX_TEXT)
    escaped: sa.ColumnElement[Any] = cut
    for character, written in _ESCAPES:
        escaped = sa.func.replace(escaped, character, written)
    escaped = sa.func.translate(escaped, _UNPRINTABLE, "")
    clean = sa.and_(value.bool_op("!~")(_RISKY), sa.func.length(value) <= MAX_TEXT)
    inner = sa.case((clean, value), else_=escaped)
    whole = start.op("||")(inner).op("||")(_literal("</v></c>"))
    return sa.case((sa.func.coalesce(value, "") == "", _literal("<c/>")), else_=whole)


class _Outlet(io.RawIOBase):
    """Takes what the archive writes until it is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.held = bytearray()

    def writable(self) -> bool:
        """It only takes."""
        return True

    def write(self, data: Any) -> int:
        """Keep a piece."""
        self.held += data
        return len(data)

    def fetch(self, at_least: int = 1) -> Iterator[bytes]:
        """Hand out what is held, if it is enough."""
        if len(self.held) >= at_least:
            yield bytes(self.held)
            self.held.clear()


def stream(
    session: Session, select: sa.Select[Any], columns: list[tuple[str, bool]], title: str
) -> Iterator[bytes]:
    """The file in pieces. A failure on the way breaks the download off: it cannot pass for whole."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        sheets = 0
        rows = _lines(copy_out(session, select, "COPY ({}) TO STDOUT"))
        piece: bytes | None = next(rows, None)
        while sheets == 0 or piece is not None:
            sheets += 1
            with archive.open(parts.sheet_path(sheets), "w", force_zip64=True) as sheet:
                sheet.write(parts.sheet_start(columns))
                room = SHEET_ROWS - 1
                while piece is not None and room > 0:
                    taken, piece, count = _fill(piece, room)
                    room -= count
                    sheet.write(taken)
                    piece = piece or next(rows, None)
                    yield from outlet.fetch(PIECE)
                sheet.write(parts.SHEET_END)
        for name, content in parts.frame(title, sheets):
            archive.writestr(name, content)
    yield from outlet.fetch()


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, each ending at the end of a row."""
    rest = b""
    for piece in pieces:
        whole, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = tail
        else:
            rest += piece
    if rest:
        yield rest


def _fill(piece: bytes, room: int) -> tuple[bytes, bytes, int]:
    """Split a piece after at most `room` rows: what fits, the rest, how many rows fit."""
    count = piece.count(b"\n")
    if count <= room:
        return piece, b"", count
    lines = piece.split(b"\n", room)
    return b"\n".join(lines[:room]) + b"\n", lines[room], room
