"""Owns the query behind a list: the columns shown, what matches, the order, and one page of it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.records import search
from dashboard.records.columns import Column, Kind
from dashboard.records.keyset import Mark, Order, SortKey
from dashboard.records.spec import Spec
from dashboard.records.state import ListState


@dataclass(frozen=True)
class Layout:
    """Which cell of a row holds what: `cells` maps a column to its place, `marks` are the sort values."""

    select: sa.Select[Any]
    cells: dict[str, int]
    labels: dict[str, int]
    order: Order
    marks: tuple[int, ...]

    def mark(self, row: Any) -> Mark:
        """Place of a row in the order."""
        return Mark(tuple(row[place] for place in self.marks), row[0])


@lru_cache(maxsize=512)
def layout(spec: Spec, keys: tuple[str, ...], sort: str, descending: bool) -> Layout:  # noqa: FBT001 - a cache key
    """Compile the query of a list once per set of columns and order: only what is shown is read."""
    joins = Joins(spec)
    items: list[sa.ColumnElement[Any]] = [spec.table.c.id]
    cells, labels = {}, {}
    for key in dict.fromkeys((*keys, *_companions(spec, keys))):
        column = spec.columns[key]
        cells[key] = _place(items, column.column)
        if column.reference:
            labels[key] = _place(items, joins.label(column))
    order = make_order(spec, joins, sort, descending=descending)
    marks = tuple(_place(items, key.expression) for key in order.keys)
    select = sa.select(*items).select_from(joins.source)
    return Layout(select, cells, labels, order, marks)


def _place(items: list[sa.ColumnElement[Any]], item: sa.ColumnElement[Any]) -> int:
    for place, known in enumerate(items):
        if known is item:
            return place
    items.append(item)
    return len(items) - 1


def _companions(spec: Spec, keys: tuple[str, ...]) -> list[str]:
    """Columns a shown column cannot do without: the currency of its amount, the label of the row."""
    found = [spec.columns[key].currency for key in keys if spec.columns[key].currency]
    return [*found, *([spec.label] if spec.label != "id" else [])]


class Joins:
    """The FROM of a list: the table and, once each, the tables its references lead to."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.source: Any = spec.table
        self._labels: dict[str, sa.ColumnElement[Any]] = {}

    def label(self, column: Column) -> sa.ColumnElement[Any]:
        """Expression for the label of what a column refers to."""
        if column.key not in self._labels and column.reference:
            target = column.reference.model.__table__.alias(f"{column.key}_target")
            self.source = self.source.outerjoin(target, target.c.id == column.column)
            self._labels[column.key] = target.c[column.reference.label]
        return self._labels[column.key]


def make_order(spec: Spec, joins: Joins, sort: str, *, descending: bool) -> Order:
    """Order by one column; the first one of the screen's own order brings the rest of that order along."""
    declared = spec.default_order
    if sort == declared[0][0] and len(declared) > 1:
        turned = descending is not declared[0][1]
        keys = tuple(_sort_key(spec, joins, key, down=down is not turned) for key, down in declared)
        nullable = spec.columns[sort].nullable
        return Order(keys, spec.table.c.id, turned, nullable, pinned=declared[0][1])
    if sort == "id":
        return Order((), spec.table.c.id, descending)
    key = _sort_key(spec, joins, sort, down=descending)
    nullable = spec.columns[sort].nullable or spec.columns[sort].reference is not None
    return Order((key,), spec.table.c.id, descending, nullable)


def _sort_key(spec: Spec, joins: Joins, key: str, *, down: bool) -> SortKey:
    column = spec.columns[key]
    if column.reference is None:
        return SortKey(column.column, column, down)
    named = column.reference.model.__table__.c[column.reference.label]
    return SortKey(joins.label(column), Column(key, column.label, Kind.TEXT, named), down)


def conditions(spec: Spec, state: ListState) -> list[sa.ColumnElement[bool]]:
    """What a row must meet to be in the list."""
    found = [filter_.clause for filter_ in state.filters if filter_.clause is not None]
    if state.groups:
        found.append(sa.false() if state.groups.faults else state.groups.clause)
    wanted = search.condition(spec, state.q)
    if wanted is not None:
        found.append(wanted)
    if spec.soft_delete:
        deleted = spec.columns["deleted_at"].column
        found.append(deleted.is_not(None) if state.deleted else deleted.is_(None))
    return found


def matching_ids(spec: Spec, state: ListState) -> sa.Select[int]:
    """The ids of all rows of a list."""
    return sa.select(spec.table.c.id).where(*conditions(spec, state))


def scope_key(session: Session) -> str:
    """What keeps remembered figures of one tenant from another."""
    return str(session.info.get("tenant"))
