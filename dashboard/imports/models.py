"""Owns import runs: the uploaded file, what its columns mean, and each row with what became of it."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, deferred, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Json, Key, Record, Words, check, choice, not_blank, not_negative, one_of


class ImportStatus(StrEnum):
    """Where an import stands."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    LOADING = "loading"
    LOADED = "loaded"
    FAILED = "failed"
    UNDONE = "undone"


class ImportRun(Record, TenantModel):
    """One uploaded file on its way into an entity."""

    __tablename__ = "import_run"
    __table_args__ = (
        *not_blank("entity", "file_name"),
        *not_negative("total", "created", "changed", "same", "refused"),
        one_of("status", ImportStatus),
        Index("ix_import_run_created_at", "created_at", "id"),
        Index("ix_import_run_signature", "entity", "signature"),
        Index("ix_import_run_change_set_id", "change_set_id"),
    )

    entity: Mapped[Words]
    file_name: Mapped[Words]
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary))
    signature: Mapped[Words] = mapped_column(default="", server_default="")
    """The file's headings: a later file with the same ones gets the same mapping."""
    options: Mapped[Json]
    """`format`: how the file is read, found first, then as chosen. `defaults`: values by column."""
    mapping: Mapped[Json]
    """By position in the file: the column of the entity, and how its cells are read."""
    match_on: Mapped[Words] = mapped_column(default="", server_default="")
    """The unique key rows are matched by, its columns joined with a comma; empty creates only."""
    status: Mapped[str] = choice(ImportStatus, ImportStatus.UPLOADED)
    total: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    changed: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    same: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    refused: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    error: Mapped[Words | None]
    change_set_id: Mapped[Key | None] = mapped_column(ForeignKey("change_set.id"))
    run_id: Mapped[Words | None]

    def __str__(self) -> str:
        return self.file_name


class ImportRow(TenantModel):
    """A row that was refused or would change something; rows that went in plainly are only counted."""

    __tablename__ = "import_row"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "line"),
        check("outcome_known", "outcome IN ('create', 'change', 'refuse')"),
        Index("ix_import_row_outcome", "run_id", "outcome", "line"),
    )

    run_id: Mapped[Key] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"))
    line: Mapped[int]
    """Line of the file, the heading being 1."""
    outcome: Mapped[Words]
    cells: Mapped[Any] = mapped_column(JSONB)
    detail: Mapped[Any] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    """Refused: reasons by column. Change: old and new by column."""
    record_id: Mapped[int | None] = mapped_column(BigInteger)

    def __str__(self) -> str:
        return f"Line {self.line}"
