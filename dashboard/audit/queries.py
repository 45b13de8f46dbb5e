"""Reads of the row history, shaped for a timeline."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from dashboard.audit.models import HistoryArchive, Operation, RowHistory

BOOKKEEPING = frozenset({"id", "version", "created_at", "created_by", "updated_at", "updated_by"})
VERBS = {"I": "created", "U": "changed", "D": "removed"}


class Change(NamedTuple):
    """One field of one change."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class HistoryEntry:
    """One change of one record: who, when, what, and the server's own facts beside the claimed actor."""

    id: int
    at: datetime
    actor: str
    verb: str
    changes: tuple[Change, ...]
    request_id: str
    session_user: str
    client_addr: str | None
    application_name: str | None


def list_history(session: Session, table: str, record_id: int, limit: int = 50) -> list[HistoryEntry]:
    """The newest changes of a record first, read under the tenant's own role.

    A row that only got a new version is left out: its lines changed, and they have a history of their own.
    """
    query = (
        select(RowHistory)
        .where(RowHistory.table_name == table, RowHistory.record_id == record_id)
        .order_by(RowHistory.id.desc())
        .limit(limit)
    )
    entries = [_entry(row) for row in session.scalars(query)]
    return [entry for entry in entries if entry.changes or entry.verb != "changed"]


def put_away_until(session: Session) -> datetime | None:
    """Until when changes of this tenant were put away into files; None: its history is whole."""
    later = aliased(HistoryArchive)
    again = select(later.id).where(later.part == HistoryArchive.part, later.id > HistoryArchive.id)
    newest = select(func.max(HistoryArchive.last_at)).where(
        HistoryArchive.operation == "archived", ~again.exists()
    )
    return session.scalar(newest)


def list_operations(session: Session, limit: int = 100) -> list[Operation]:
    """The newest operations of the console first."""
    return list(session.scalars(select(Operation).order_by(Operation.id.desc()).limit(limit)))


def _entry(row: RowHistory) -> HistoryEntry:
    old, new = row.old or {}, row.new or {}
    fields = [name for name in {**old, **new} if name not in BOOKKEEPING]
    changes = tuple(Change(name, old.get(name), new.get(name)) for name in fields)
    verb = VERBS[row.operation]
    if "deleted_at" in new and row.operation == "U":
        verb = "deleted" if new["deleted_at"] else "restored"
    return HistoryEntry(
        row.id,
        row.at,
        row.actor or row.session_user_name,
        verb,
        tuple(change for change in changes if change.old is not None or change.new is not None),
        row.request_id or "",
        row.session_user_name,
        str(row.client_addr) if row.client_addr else None,
        row.application_name,
    )
