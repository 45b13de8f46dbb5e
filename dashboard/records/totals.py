"""Owns the last row of a list: totals over all rows that match, not only those of the page.

Amounts are added up per currency and never across; those whose currency stands on another record are not
added. Quantities are added up, days and percentages get their mean, other numbers (rates, factors) nothing.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.records.columns import NUMBERS, Column
from dashboard.records.counting import Count
from dashboard.records.listing import conditions
from dashboard.records.render import money, plain_number
from dashboard.records.spec import Spec
from dashboard.records.state import ListState

AT_ONCE = 10_000
TIMEOUT_MS = 5_000
MAX_CURRENCIES = 6
QUERY_CANCELED = "57014"
MEAN_DECIMALS = 2
_SUMMED = re.compile(r"(?:^|_)(?:qty|quantity|count|rows|size|hours|pieces)(?:_|$)")
_MEAN = re.compile(r"(?:^|_)(?:days|reliability|percent|score|rating)(?:_|$)")


@dataclass(frozen=True)
class Cell:
    """A total: lines of text (one for each currency), what they are, and what they leave out."""

    lines: tuple[str, ...] = ()
    kind: str = ""
    note: str = ""


@dataclass(frozen=True)
class Totals:
    """The row under a list. `cells` by column; `pending` asks for a click; `failed` says it took too long."""

    cells: dict[str, Cell] = field(default_factory=dict)
    pending: bool = False
    failed: bool = False


def kind_of(column: Column) -> str:
    """How a column is totalled: `money` per currency, `sum`, `mean`, or not at all."""
    if column.kind not in NUMBERS:
        return ""
    if column.currency:
        return "money"
    if _SUMMED.search(column.key):
        return "sum"
    return "mean" if _MEAN.search(column.key) else ""


def for_page(session: Session, spec: Spec, state: ListState, rows: Count, *, asked: bool) -> Totals | None:
    """Totals for a page: at once while the list is short, else when `asked`. None where nothing is added."""
    kinds = {key: kind_of(spec.columns[key]) for key in state.columns}
    if not rows.rows or state.errors or not any(kinds.values()):
        return None
    if not (asked or (rows.exact and rows.rows <= AT_ONCE)):
        return Totals(pending=True)
    try:
        return Totals(_read(session, spec, state, {key: kind for key, kind in kinds.items() if kind}))
    except OperationalError as error:
        if getattr(error.orig, "pgcode", "") != QUERY_CANCELED:
            raise
        return Totals(failed=True)


def _read(session: Session, spec: Spec, state: ListState, kinds: dict[str, str]) -> dict[str, Cell]:
    """Read all totals, one query for each currency column and one for the rest, within TIMEOUT_MS."""
    groups: dict[str, list[str]] = {}
    for key in kinds:
        groups.setdefault(spec.columns[key].currency, []).append(key)
    cells: dict[str, Cell] = {}
    with session.begin_nested():
        session.execute(sa.text(f"SET LOCAL statement_timeout = {TIMEOUT_MS}"))
        for currency, keys in groups.items():
            found = session.execute(_query(spec, state, currency, keys, kinds)).all()
            for place, key in enumerate(keys):
                values = [(row[0], row[1], row[2 + 2 * place], row[3 + 2 * place]) for row in found]
                cells[key] = _money(values) if kinds[key] == "money" else _plain(values[0], kinds[key])
        session.execute(sa.text("SET LOCAL statement_timeout TO DEFAULT"))
    return cells


def _query(spec: Spec, state: ListState, currency: str, keys: list[str], kinds: dict[str, str]) -> Any:
    """Rows of currency, row count, then a figure and how many rows have a value for each column."""
    group = spec.columns[currency].column if currency else sa.literal("")
    items: list[Any] = [group, sa.func.count()]
    for key in keys:
        column = spec.columns[key].column
        figure = sa.func.avg(column) if kinds[key] == "mean" else sa.func.sum(column)
        items += [sa.cast(figure, sa.Numeric), sa.func.count(column)]
    query = sa.select(*items).select_from(spec.table).where(*conditions(spec, state))
    return query.group_by(group).order_by(sa.func.count().desc()) if currency else query


def _money(values: list[tuple[Any, int, Decimal | None, int]]) -> Cell:
    """One line for each currency, the one with most rows first."""
    known = [(code or "no currency", figure) for code, _, figure, _ in values if figure is not None]
    lines = tuple(f"{money(figure, code)} {code}" for code, figure in known[:MAX_CURRENCIES])
    if len(known) > MAX_CURRENCIES:
        lines += (f"and {len(known) - MAX_CURRENCIES} more currencies",)
    return Cell(lines, "Sum", _note(sum(row[1] for row in values), sum(row[3] for row in values)))


def _plain(value: tuple[Any, int, Decimal | None, int], kind: str) -> Cell:
    _, rows, figure, filled = value
    if figure is None:
        return Cell()
    shown = round(figure, MEAN_DECIMALS) if kind == "mean" else figure
    return Cell((plain_number(shown),), "Mean" if kind == "mean" else "Sum", _note(rows, filled))


def _note(rows: int, filled: int) -> str:
    """Rows without a value are no zeros: say how many were counted."""
    return "" if filled == rows else f"of {filled:,} of {rows:,} rows; the others have no value"
