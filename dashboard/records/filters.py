"""Owns the filters of a list: read from the address, turned into SQL, shown as chips."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dashboard.records.columns import RANGES, Column, Kind
from dashboard.records.spec import Spec
from dashboard.records.values import ValueInvalidError, clean, day_bounds, parse

SEPARATOR = "__"
WORDS = {
    "eq": "is",
    "in": "is",
    "contains": "contains",
    "starts": "starts with",
    "from": "from",
    "to": "up to",
    "empty": "is empty",
    "filled": "is filled",
}
MAX_VALUES = 500


@dataclass(frozen=True)
class Filter:
    """One condition on a column; several are joined by AND. `error` says why it cannot hold."""

    column: Column
    operator: str
    raw: tuple[str, ...]
    clause: sa.ColumnElement[bool] | None
    error: str = ""
    prefix: str = ""
    """The group it stands in, as the address has it: `g1.`; empty for a plain filter."""

    @property
    def param(self) -> str:
        """Name in the address: `status`, `total__from`, `g1.status`."""
        name = self.column.key if self.operator == "eq" else f"{self.column.key}{SEPARATOR}{self.operator}"
        return self.prefix + name

    @property
    def arguments(self) -> list[tuple[str, str]]:
        """The filter as it stands in the address."""
        return [(self.param, value) for value in self.raw]

    def words(self, names: dict[str, str]) -> str:
        """The filter as a chip says it; `names` gives the labels of referenced ids."""
        start = f"{self.column.label} {WORDS[self.operator]}"
        if self.operator in {"empty", "filled"}:
            return start
        if self.column.kind is Kind.CHOICE:
            shown = [self.column.choice_label(value) for value in self.raw]
        elif self.column.kind is Kind.BOOLEAN:
            shown = ["yes" if value.lower() in {"1", "true", "yes"} else "no" for value in self.raw]
        else:
            shown = [names.get(value, value) for value in self.raw]
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        return f"{start} {' or '.join(shown[:3])}{more}"


def operators(column: Column) -> tuple[str, ...]:
    """Operators that make sense for a column's kind."""
    if column.kind in {Kind.TEXT, Kind.LONG_TEXT}:
        return ("contains", "eq", "starts", "in", "empty", "filled")
    if column.kind in RANGES:
        return ("eq", "from", "to", "empty", "filled")
    if column.kind is Kind.DOCUMENT:
        return ("empty", "filled")
    return ("eq", "in", "empty", "filled")


def read(spec: Spec, arguments: Iterable[tuple[str, list[str]]]) -> tuple[Filter, ...]:
    """Read every filter of the address; names that are no column are left alone."""
    found = []
    for name, values in arguments:
        key, _, operator = name.partition(SEPARATOR)
        column = spec.columns.get(key)
        kept = tuple(value for value in map(clean, values) if value)[:MAX_VALUES]
        if column and kept and (operator or "eq") in operators(column):
            found.append(build(column, operator or "eq", kept))
    return tuple(found)


def build(column: Column, operator: str, raw: tuple[str, ...], prefix: str = "") -> Filter:
    """Make one filter; a value that cannot be read makes it hold for no row and say why."""
    try:
        return Filter(column, operator, raw, _CLAUSES[operator](column, raw), prefix=prefix)
    except ValueInvalidError as error:
        return Filter(column, operator, raw, sa.false(), f"{column.label}: {error}", prefix)


def like(text: str) -> str:
    """Text with the wildcards of LIKE escaped."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _equals(column: Column, raw: tuple[str, ...]) -> sa.ColumnElement[bool]:
    if column.kind is Kind.MOMENT:
        start, end = day_bounds(raw[0])
        return sa.and_(column.column >= start, column.column < end)
    values = [parse(column, text) for text in raw]
    clause: sa.ColumnElement[bool] = column.column.in_(values)
    return sa.and_(clause if len(values) > 1 else column.column == values[0])


def _contains(column: Column, raw: tuple[str, ...]) -> sa.ColumnElement[bool]:
    return column.column.ilike(f"%{like(raw[0])}%")


def _starts(column: Column, raw: tuple[str, ...]) -> sa.ColumnElement[bool]:
    return column.column.ilike(f"{like(raw[0])}%")


def _from(column: Column, raw: tuple[str, ...]) -> sa.ColumnElement[bool]:
    start = day_bounds(raw[0])[0] if _is_day(column, raw[0]) else parse(column, raw[0])
    return sa.and_(column.column >= start)


def _to(column: Column, raw: tuple[str, ...]) -> sa.ColumnElement[bool]:
    if _is_day(column, raw[0]):
        return column.column < day_bounds(raw[0])[1]
    return sa.and_(column.column <= parse(column, raw[0]))


def _is_day(column: Column, text: str) -> bool:
    return column.kind is Kind.MOMENT and len(text) <= 10


def _empty(column: Column, _raw: tuple[str, ...]) -> sa.ColumnElement[bool]:
    if column.kind in {Kind.TEXT, Kind.LONG_TEXT}:
        return sa.or_(column.column.is_(None), column.column == "")
    return column.column.is_(None)


def _filled(column: Column, raw: tuple[str, ...]) -> sa.ColumnElement[bool]:
    return sa.not_(_empty(column, raw))


_CLAUSES: dict[str, Callable[[Column, tuple[str, ...]], Any]] = {
    "eq": _equals,
    "in": _equals,
    "contains": _contains,
    "starts": _starts,
    "from": _from,
    "to": _to,
    "empty": _empty,
    "filled": _filled,
}
