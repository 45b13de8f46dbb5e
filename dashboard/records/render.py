"""Owns the HTML of a list's rows: one function per column, put together once per screen and set of columns.

Half of a list's time in an admin is spent asking each cell what it is. Here each column is asked once.
"""

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from html import escape
from typing import Any

from babel.numbers import get_currency_precision

from dashboard.core.statuses import badge
from dashboard.records.columns import NUMBERS, Column, Kind
from dashboard.records.listing import Layout
from dashboard.records.spec import Spec

DASH = "\N{EN DASH}"
NOTHING = f'<span class="nothing">{DASH}</span>'
CLIP = 90
_PICK = (
    '<tr data-row><td class="pick">'
    '<input type="checkbox" class="form-check-input" data-select-row name="ids" value="'
)
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Cell = Callable[[Any], str]


def text_of(column: Column, value: Any, currency: str = "", zone: tzinfo | None = None) -> str:  # noqa: PLR0911
    """A value as plain text, as people read it: one branch per kind."""
    if value is None or value in ("", {}, []):
        return DASH
    if column.kind is Kind.BOOLEAN:
        return "Yes" if value else "No"
    if column.kind is Kind.CHOICE:
        return column.choice_label(value)
    if column.currency and currency:
        return f"{money(value, currency)} {currency}"
    if column.kind in NUMBERS:
        return str(value) if column.key == "id" else plain_number(value)
    if isinstance(value, datetime):
        return moment(value.astimezone(zone))
    if isinstance(value, date):
        return day(value)
    return (
        json.dumps(value, ensure_ascii=False, sort_keys=True)
        if isinstance(value, dict | list)
        else str(value)
    )


def plain_number(value: Decimal | float) -> str:
    """Number with thousands separated and no idle zeros: 1200.5000 → 1,200.5."""
    if isinstance(value, int):
        return f"{value:,}"
    shown = f"{value:,f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def even_digits(values: Iterable[Any], least: int) -> int:
    """How many decimals all numbers of a column are shown with, so that they stand under each other."""
    shown = (plain_number(value) for value in values if isinstance(value, Decimal))
    return max([least, *(len(text.partition(".")[2]) for text in shown)])


@lru_cache(maxsize=256)
def digits_of(currency: str) -> int:
    """Decimals of a currency: EUR 2, JPY 0, KWD 3."""
    return int(get_currency_precision(currency))


def money(value: Decimal, currency: str) -> str:
    """Amount with the decimals of its currency; a price below that keeps what it has."""
    digits = digits_of(currency)
    exact = plain_number(value)
    return exact if len(exact.partition(".")[2]) > digits else f"{value:,.{digits}f}"


def day(value: date) -> str:
    """2026-03-05 → 5 Mar 2026."""
    return f"{value.day} {MONTHS[value.month]} {value.year}"


def moment(value: datetime) -> str:
    """Local date and time: 5 Mar 2026, 14:30."""
    return f"{value.day} {MONTHS[value.month]} {value.year}, {value.hour:02}:{value.minute:02}"


def render_rows(
    spec: Spec, shown: Layout, keys: tuple[str, ...], rows: Iterable[Any], *, base: str, zone: tzinfo
) -> str:
    """HTML of the rows; `base` is the list's address, `zone` the viewer's."""
    rows = list(rows)  # one page
    cells = [_cell(spec, shown, key, base, zone, rows) for key in keys]
    name = shown.cells.get(spec.label, 0)
    parts: list[str] = []
    for row in rows:
        row_id = str(row[0])
        parts += (_PICK, row_id, '" aria-label="Select ', escape(str(row[name] or f"#{row_id}")), '"></td>')
        parts += [cell(row) for cell in cells]
        parts.append("</tr>\n")
    return "".join(parts)


def _cell(  # what a column's cells depend on
    spec: Spec, shown: Layout, key: str, base: str, zone: tzinfo, rows: list[Any]
) -> Cell:
    """Function that makes one cell of a row."""
    column, place = spec.columns[key], shown.cells[key]
    if key == _linked(spec, shown):
        return _link(place, base)
    if column.reference:
        return _reference(column, place, shown.labels[key], base)
    if column.currency and column.currency in shown.cells:
        return _amount(place, shown.cells[column.currency])
    if column.is_amount:
        return _even(place, even_digits((row[place] for row in rows), least=2))
    return _PLAIN[column.kind](column, place, zone)


def _linked(spec: Spec, shown: Layout) -> str:
    """The column whose text opens the record: its label where shown, else the first plain one."""
    keys = [key for key in shown.cells if not spec.columns[key].reference]
    return spec.label if spec.label in shown.cells and spec.label in spec.columns else (keys or ["id"])[0]


def _link(place: int, base: str) -> Cell:
    def cell(row: Any) -> str:
        value = row[place]
        if isinstance(value, Decimal):
            return f'<td class="name num"><a href="{base}{row[0]}">{plain_number(value)}</a></td>'
        shown = escape(_clip(str(value))) if value not in (None, "") else f"#{row[0]}"
        return f'<td class="name"><a href="{base}{row[0]}">{shown}</a></td>'

    return cell


def _reference(column: Column, place: int, label: int, base: str) -> Cell:
    target = f"{base.rstrip('/').rpartition('/')[0]}/{column.reference.entity}/" if column.reference else base

    def cell(row: Any) -> str:
        value = row[place]
        if value is None:
            return f"<td>{NOTHING}</td>"
        shown = escape(_clip(str(row[label] or f"#{value}")))
        return f'<td class="reference"><a href="{target}{value}">{shown}</a></td>'

    return cell


def _amount(place: int, currency: int) -> Cell:
    def cell(row: Any) -> str:
        value = row[place]
        if value is None:
            return f'<td class="num">{NOTHING}</td>'
        code = row[currency] or ""
        shown = money(value, code) if code else plain_number(value)
        return f'<td class="num">{shown} <span class="currency">{escape(code)}</span></td>'

    return cell


def _even(place: int, digits: int) -> Cell:
    def cell(row: Any) -> str:
        value = row[place]
        return f'<td class="num">{NOTHING if value is None else f"{value:,.{digits}f}"}</td>'

    return cell


def _text(_column: Column, place: int, _zone: tzinfo) -> Cell:
    def cell(row: Any) -> str:
        value = row[place]
        return f"<td>{escape(_clip(str(value)))}</td>" if value not in (None, "") else f"<td>{NOTHING}</td>"

    return cell


def _number(column: Column, place: int, _zone: tzinfo) -> Cell:
    written = str if column.key == "id" else plain_number

    def cell(row: Any) -> str:
        value = row[place]
        return f'<td class="num">{NOTHING if value is None else written(value)}</td>'

    return cell


def _boolean(_column: Column, place: int, _zone: tzinfo) -> Cell:
    words = {True: "<td>Yes</td>", False: "<td>No</td>"}
    return lambda row: words.get(row[place], f"<td>{NOTHING}</td>")


def _choice(column: Column, place: int, _zone: tzinfo) -> Cell:
    words = {value: f"<td>{badge(value, label)}</td>" for value, label in column.choices}
    return lambda row: (
        words.get(row[place]) or f"<td>{escape(str(row[place])) if row[place] else NOTHING}</td>"
    )


def _day(_column: Column, place: int, _zone: tzinfo) -> Cell:
    return lambda row: f'<td class="when">{day(row[place]) if row[place] else NOTHING}</td>'


def _moment(_column: Column, place: int, zone: tzinfo) -> Cell:
    def cell(row: Any) -> str:
        value = row[place]
        if value is None:
            return f"<td>{NOTHING}</td>"
        local = value.astimezone(zone)
        return f'<td class="when"><time datetime="{local.isoformat()}">{moment(local)}</time></td>'

    return cell


def _document(_column: Column, place: int, _zone: tzinfo) -> Cell:
    def cell(row: Any) -> str:
        value = row[place]
        shown = _clip(json.dumps(value, ensure_ascii=False)) if value else ""
        return f'<td class="is-clipped"><code>{escape(shown)}</code></td>' if shown else f"<td>{NOTHING}</td>"

    return cell


def _clip(text: str) -> str:
    return text if len(text) <= CLIP else f"{text[: CLIP - 1]}…"


_PLAIN: dict[Kind, Callable[[Column, int, tzinfo], Cell]] = {
    Kind.TEXT: _text,
    Kind.LONG_TEXT: _text,
    Kind.INTEGER: _number,
    Kind.DECIMAL: _number,
    Kind.BOOLEAN: _boolean,
    Kind.CHOICE: _choice,
    Kind.DATE: _day,
    Kind.MOMENT: _moment,
    Kind.DOCUMENT: _document,
    Kind.REFERENCE: _text,
}
