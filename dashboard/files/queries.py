"""Reads the files of records: a file is a chain of versions, the newest one stands for it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.files import guards
from dashboard.files.models import Attachment


@dataclass(frozen=True)
class FileChain:
    """A file: its newest version and the older ones, newest first."""

    head: Attachment
    older: tuple[Attachment, ...]

    @property
    def is_deleted(self) -> bool:
        """Whether the file as a whole is deleted."""
        return self.head.deleted_at is not None


def list_files(session: Session, entity: str, record_id: int, *, guarded: bool = True) -> list[Attachment]:
    """The newest version of every file of a record, without deleted ones; none while a guard hides them."""
    if guarded and guards.hidden_reason(session, entity, record_id):
        return []
    return [chain.head for chain in list_chains(session, entity, record_id) if not chain.is_deleted]


def list_chains(session: Session, entity: str, record_id: int) -> list[FileChain]:
    """Every file of a record with its versions, the newest file first. Asks no guard."""
    query = select(Attachment).where(Attachment.entity == entity, Attachment.record_id == record_id)
    rows = {row.id: row for row in session.scalars(query.order_by(Attachment.id.desc()))}
    replaced = {row.replaces_id for row in rows.values()}
    return [FileChain(row, _older(row, rows)) for row in rows.values() if row.id not in replaced]


def _older(head: Attachment, rows: dict[int, Attachment]) -> tuple[Attachment, ...]:
    found: list[Attachment] = []
    current = head
    while current.replaces_id in rows:
        current = rows[current.replaces_id]
        found.append(current)
    return tuple(found)


def find(session: Session, attachment_id: int) -> Attachment | None:
    """One version of a file, deleted or not."""
    return session.get(Attachment, attachment_id)
