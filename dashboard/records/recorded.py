"""Owns reading the row history of a record and its child rows, with numbers as exact as they were stored."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from dashboard.audit.models import RowHistory
from dashboard.records.spec import ChildSpec, Spec

BOOKKEEPING = ("id", "version", "created_at", "created_by", "updated_at", "updated_by")
VERBS = {"I": "created", "U": "changed", "D": "removed"}
Values = dict[str, Any]
Rows = dict[str, list[int]]


@dataclass(frozen=True)
class Recorded:
    """One change of one row: `old` and `new` hold the changed columns, or the whole row."""

    id: int
    at: datetime
    table: str
    record_id: int
    operation: str
    old: Values
    new: Values
    actor: str
    request_id: str
    transaction_id: int
    origin: str

    @property
    def verb(self) -> str:
        """What happened, as a word."""
        if self.operation == "U" and "deleted_at" in self.new:
            return "deleted" if self.new["deleted_at"] else "restored"
        return VERBS[self.operation]

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """Column, old and new value; without what is kept at every write."""
        keys = [key for key in {**self.old, **self.new} if key not in {*BOOKKEEPING, "deleted_at"}]
        found = [(key, self.old.get(key), self.new.get(key)) for key in keys]
        return [change for change in found if change[1] is not None or change[2] is not None]


def read_json(text: str | None) -> Values:
    """JSON of a row; numbers stay exact."""
    values: Values = json.loads(text, parse_float=Decimal) if text else {}
    return values


def rows_of(session: Session, spec: Spec, record_id: int) -> Rows:
    """The record and every child row it has or had, by table."""
    return {spec.entity: [record_id]} | {
        child.entity: _child_ids(session, child, record_id) for child in spec.children
    }


def _child_ids(session: Session, child: ChildSpec, record_id: int) -> list[int]:
    key = child.declared.key
    live = sa.select(child.model.id).where(getattr(child.model, key) == record_id)
    removed = sa.select(RowHistory.record_id).where(
        RowHistory.table_name == child.entity,
        RowHistory.operation == "D",
        RowHistory.old[key].as_string() == str(record_id),
    )
    return sorted(set(session.scalars(live.union(removed))))


def read(
    session: Session,
    rows: Rows,
    *,
    before: datetime | None = None,
    since: sa.ColumnElement[bool] | None = None,
    limit: int | None = None,
) -> list[Recorded]:
    """Changes of rows, the newest first: those before a moment, or those `since` picks.

    A row that only got a new version is left out: its lines changed, and they have entries of their own.
    """
    told = RowHistory.new.op("-")(sa.cast(list(BOOKKEEPING), ARRAY(sa.Text)))
    query = (
        sa.select(
            *(RowHistory.id, RowHistory.at, RowHistory.table_name, RowHistory.record_id),
            *(RowHistory.operation, sa.cast(RowHistory.old, sa.Text), sa.cast(RowHistory.new, sa.Text)),
            *(RowHistory.actor, RowHistory.request_id, RowHistory.transaction_id),
            *(RowHistory.session_user_name, RowHistory.client_addr, RowHistory.application_name),
        )
        .where(sa.or_(*_of(rows)))
        .where(sa.or_(RowHistory.operation != "U", sa.cast(told, sa.Text) != "{}"))
        .order_by(RowHistory.id.desc())
    )
    if before is not None:
        query = query.where(RowHistory.at < before)
    if since is not None:
        query = query.where(since)
    return [_recorded(row) for row in session.execute(query.limit(limit))]


def _of(rows: Rows) -> Iterable[sa.ColumnElement[bool]]:
    for table, ids in rows.items():
        if ids:
            yield sa.and_(RowHistory.table_name == table, RowHistory.record_id.in_(ids))


def _recorded(row: Any) -> Recorded:
    entry_id, at, table, record_id, operation, old, new, actor, request_id, transaction, *server = row
    return Recorded(
        entry_id,
        at,
        table,
        record_id,
        operation,
        read_json(old),
        read_json(new),
        actor or server[0],
        request_id or "",
        transaction,
        " · ".join(str(part) for part in server if part),
    )
