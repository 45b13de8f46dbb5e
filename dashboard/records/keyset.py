"""Owns paging by key: the page after or before a row, as quick at the end of a list as at its start.

Rows without a first sort value come last in both directions. They are a part of their own, read by a second
query when the first part ends, so that each part is one range of an index that ends in the id.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dashboard.records.columns import Column
from dashboard.records.values import INT64, dump, parse

Run = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]


@dataclass(frozen=True)
class Mark:
    """A row's place in the order: its sort values and its id."""

    values: tuple[Any, ...]
    id: int

    @property
    def empty(self) -> bool:
        """Whether the row is in the part without a first sort value."""
        return bool(self.values) and self.values[0] is None

    def token(self) -> str:
        """The mark as it stands in an address."""
        raw = json.dumps([*map(dump, self.values), self.id], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read_mark(columns: Sequence[Column], token: str) -> Mark | None:
    """Read a mark of an order by these columns from an address; None when `token` did not make it."""
    try:
        *texts, row_id = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if len(texts) != len(columns) or not isinstance(row_id, int) or not -INT64 <= row_id < INT64:
            return None
        pairs = zip(columns, texts, strict=True)
        values = tuple(None if text is None else parse(column, str(text)) for column, text in pairs)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return None
    return None if None in values[1:] else Mark(values, row_id)


@dataclass(frozen=True)
class SortKey:
    """One expression of an order, its column (to read marks) and its direction."""

    expression: sa.ColumnElement[Any]
    column: Column
    descending: bool


@dataclass(frozen=True)
class Order:
    """The order of a list; the id breaks ties. `pinned`: the index has its first key DESC NULLS LAST."""

    keys: tuple[SortKey, ...]
    id: sa.ColumnElement[int]
    id_descending: bool
    nullable: bool = False
    pinned: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns a mark holds values of."""
        return tuple(key.column for key in self.keys)

    @property
    def parts(self) -> tuple[bool, ...]:
        """The parts of the list in order; True is the part without a first sort value."""
        return (False, True) if self.nullable else (False,)

    def steps(self, *, empty: bool, backward: bool) -> list[tuple[sa.ColumnElement[Any], bool]]:
        """Expressions of one part with whether each runs downwards."""
        keys = self.keys[1:] if empty else self.keys
        pairs = [(key.expression, key.descending) for key in keys] + [(self.id, self.id_descending)]
        return [(expression, down is not backward) for expression, down in pairs]

    def by(self, *, empty: bool, backward: bool) -> list[sa.UnaryExpression[Any]]:
        """ORDER BY of one part, spelt as its index has it."""
        clauses = [
            step.desc() if down else step.asc() for step, down in self.steps(empty=empty, backward=backward)
        ]
        if self.pinned and not empty:
            down = self.keys[0].descending is not backward
            clauses[0] = clauses[0].nulls_last() if down else clauses[0].nulls_first()
        return clauses

    def beyond(self, mark: Mark, *, backward: bool) -> sa.ColumnElement[bool]:
        """Condition for the rows beyond a mark, within the mark's own part."""
        steps = self.steps(empty=mark.empty, backward=backward)
        values = [*(mark.values[1:] if mark.empty else mark.values), mark.id]
        bound = [
            sa.bindparam(None, value, type_=step.type, unique=True)
            for (step, _), value in zip(steps, values, strict=True)
        ]
        downs = {down for _, down in steps}
        if len(downs) == 1:
            here, there = sa.tuple_(*(step for step, _ in steps)), sa.tuple_(*bound)
            return here < there if downs.pop() else here > there
        return _mixed([(step, down, value) for (step, down), value in zip(steps, bound, strict=True)])


def _mixed(steps: list[tuple[sa.ColumnElement[Any], bool, sa.BindParameter[Any]]]) -> sa.ColumnElement[bool]:
    """Row comparison for keys of different directions; the first bound keeps it a range of the index."""
    (expression, down, value), *rest = steps
    strictly = expression < value if down else expression > value
    if not rest:
        return strictly
    bound = expression <= value if down else expression >= value
    return sa.and_(bound, sa.or_(strictly, _mixed(rest)))


def read_rows(
    run: Run,
    select: sa.Select[Any],
    order: Order,
    limit: int,
    *,
    beyond: Mark | None = None,
    backward: bool = False,
) -> list[sa.Row[Any]]:
    """Read up to `limit` rows beyond a mark (or from the start; backward: from the end), in list order."""
    parts = order.parts[::-1] if backward else order.parts
    if beyond is not None:
        parts = parts[parts.index(beyond.empty) :] if beyond.empty in parts else parts
    rows: list[sa.Row[Any]] = []
    for empty in parts:
        part = _part(select, order, empty=empty, backward=backward)
        if beyond is not None and beyond.empty == empty:
            part = part.where(order.beyond(beyond, backward=backward))
        rows += run(part.limit(limit - len(rows)))
        if len(rows) >= limit:
            break
    return rows[::-1] if backward else rows


def _part(select: sa.Select[Any], order: Order, *, empty: bool, backward: bool) -> sa.Select[Any]:
    if order.nullable:
        first = order.keys[0].expression
        select = select.where(first.is_(None) if empty else first.is_not(None))
    return select.order_by(*order.by(empty=empty, backward=backward))
