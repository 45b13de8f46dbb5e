"""Owns the list of change sets; what each changed stands in the row history under its key."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Created, Words, check, choice, not_blank, not_negative, one_of


class ChangeKind(StrEnum):
    """What made the change."""

    BULK = "bulk"
    IMPORT = "import"
    MERGE = "merge"
    REVERT = "revert"
    UNDO = "undo"


class ChangeSet(Created, TenantModel):
    """One unit of change. `key` is the request id that its transaction carried into the row history."""

    __tablename__ = "change_set"
    __table_args__ = (
        UniqueConstraint("key"),
        *not_blank("key", "title"),
        *not_negative("row_count"),
        one_of("kind", ChangeKind),
        check("undone_at_by_set", "(undone_at IS NULL) = (undone_by_id IS NULL)"),
        Index("ix_change_set_created_at", "created_at", "id"),
        Index("ix_change_set_undone_by_id", "undone_by_id"),
    )

    key: Mapped[Words]
    kind: Mapped[str] = choice(ChangeKind, ChangeKind.BULK)
    entity: Mapped[Words]
    title: Mapped[Words]
    row_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    undone_at: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("change_set.id"))
    run_id: Mapped[str | None] = mapped_column(Text)
    """The job run that made it, if one did."""

    def __str__(self) -> str:
        return self.title
