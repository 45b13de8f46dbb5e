"""Owns a record as it was: the stored rows walked back through the row history, child rows too."""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.audit.models import RowHistory
from dashboard.records import pickers, recorded
from dashboard.records.columns import Column
from dashboard.records.recorded import BOOKKEEPING, Values
from dashboard.records.spec import ChildSpec, Spec
from dashboard.records.told import references, told

Rows = dict[int, Values]


@dataclass
class State:
    """Values of a record and of its child rows by table and id; no values: the record did not exist."""

    values: Values | None
    rows: dict[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One value then and now, as people read it."""

    label: str
    then: str
    now: str

    @property
    def changed(self) -> bool:
        """Whether it differs."""
        return self.then != self.now


@dataclass(frozen=True)
class RowLine:
    """One child row then; `since` says what became of it."""

    cells: list[str]
    since: str


@dataclass(frozen=True)
class Comparison:
    """A record then and now."""

    existed: bool
    lines: list[Line]
    tables: list[tuple[ChildSpec, list[RowLine], int]]
    """Child entity, its rows then, and how many were added since."""


def after(moment: datetime) -> sa.ColumnElement[bool]:
    """The changes to take back for the state at a moment."""
    return RowHistory.at > moment


def after_entry(history_id: int) -> sa.ColumnElement[bool]:
    """The changes to take back for the state right after a change."""
    return RowHistory.id > history_id


def read_now(session: Session, spec: Spec, record_id: int) -> State:
    """The record and its child rows as stored."""
    own = _stored(session, spec.table, spec.table.c.id == record_id)
    rows = {
        child.entity: _stored(
            session, child.model.__table__, child.model.__table__.c[child.declared.key] == record_id
        )
        for child in spec.children
    }
    return State(own.get(record_id), rows)


def read_past(session: Session, spec: Spec, record_id: int, since: sa.ColumnElement[bool]) -> State:
    """The record and its child rows before the changes that `since` picks."""
    state = read_now(session, spec, record_id)
    tables: dict[str, Rows] = {table: dict(rows) for table, rows in state.rows.items()}
    own = tables.setdefault(spec.entity, {})
    if state.values is not None:
        own[record_id] = dict(state.values)
    for change in recorded.read(session, recorded.rows_of(session, spec, record_id), since=since):
        rows = tables[change.table]
        if change.operation == "I":
            rows.pop(change.record_id, None)
        else:
            rows[change.record_id] = rows.get(change.record_id, {}) | change.old
    keys = {child.entity: child.declared.key for child in spec.children}
    past = {
        table: {row_id: row for row_id, row in tables[table].items() if row.get(key) == record_id}
        for table, key in keys.items()
    }
    return State(tables[spec.entity].get(record_id), past)


def _stored(session: Session, table: sa.Table, condition: sa.ColumnElement[bool]) -> Rows:
    row = sa.cast(sa.func.to_jsonb(table.table_valued()), sa.Text)
    return {
        row_id: recorded.read_json(text)
        for row_id, text in session.execute(sa.select(table.c.id, row).where(condition))
    }


def compare(
    session: Session, spec: Spec, record_id: int, since: sa.ColumnElement[bool], zone: tzinfo
) -> Comparison:
    """Put the record as it was beside the record as it is."""
    past, now = read_past(session, spec, record_id, since), read_now(session, spec, record_id)
    labels = pickers.read_labels(session, _references(spec, past) + _references(spec, now))

    def words(columns: dict[str, Column], values: Values, key: str) -> str:
        return told(columns[key], values.get(key), labels, zone)

    then_values, now_values = past.values or {}, now.values or {}
    lines = [
        Line(column.label, words(spec.columns, then_values, key), words(spec.columns, now_values, key))
        for key, column in spec.columns.items()
        if key not in BOOKKEEPING and (key in spec.form_keys or then_values.get(key) != now_values.get(key))
    ]
    tables = []
    for child in spec.children:
        then_rows, now_rows = past.rows.get(child.entity, {}), now.rows.get(child.entity, {})
        shown = [
            RowLine(
                [words(child.columns, row, column.key) for column in child.shown],
                _since(child, row, now_rows.get(row_id)),
            )
            for row_id, row in _in_order(child, then_rows)
        ]
        tables.append((child, shown, len(now_rows.keys() - then_rows.keys())))
    return Comparison(past.values is not None, lines, tables)


def _in_order(child: ChildSpec, rows: Rows) -> list[tuple[int, Values]]:
    order = child.declared.order
    return sorted(rows.items(), key=lambda item: ((item[1].get(order) or 0) if order else 0, item[0]))


def _since(child: ChildSpec, then: Values, now: Values | None) -> str:
    if now is None:
        return "Removed"
    changed = [column.label for column in child.shown if then.get(column.key) != now.get(column.key)]
    return f"Changed: {', '.join(changed)}" if changed else ""


def _references(spec: Spec, state: State) -> list[tuple[Any, int]]:
    found = references(spec.columns, (state.values or {}).items())
    for child in spec.children:
        for row in state.rows.get(child.entity, {}).values():
            found += references(child.columns, row.items())
    return found
