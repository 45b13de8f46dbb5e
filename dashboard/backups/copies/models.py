"""Owns the list of copies that are made beside the base backups."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class CopyKind(StrEnum):
    """What was copied."""

    OFFSITE = "offsite"
    DATABASE = "database"
    TENANT = "tenant"
    FILES = "files"
    BROKER = "broker"
    CONTROL = "control"


class BackupCopy(ControlModel):
    """One copy: of a base backup elsewhere, a dump, the uploaded files, the broker's append-only file."""

    __tablename__ = "backup_copy"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('offsite', 'database', 'tenant', 'files', 'broker', 'control')", name="kind"
        ),
        CheckConstraint("status IN ('running', 'done', 'failed', 'gone')", name="status"),
        Index("ix_backup_copy_kind_started_at", "kind", text("started_at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    # A backup's id, a database, a tenant's short name.
    subject: Mapped[str]
    location: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default="running")
    reason: Mapped[str] = mapped_column(default="")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(default="")
    encrypted: Mapped[bool] = mapped_column(default=False)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    # When, and by what, it was last shown to be usable (read back whole, restored).
    proven_at: Mapped[datetime | None]
    proven_by: Mapped[str] = mapped_column(default="")
    run_id: Mapped[UUID | None]
    actor: Mapped[str]
