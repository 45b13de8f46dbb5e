"""Owns the backup catalogue: what the repository held when it was last read."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel

DONE = "DONE"
WAITING = "WAITING_FOR_WALS"
FAILED = "FAILED"
FINAL = frozenset({DONE, FAILED})
RESTORABLE = frozenset({DONE, WAITING})


class Backup(ControlModel):
    """One base backup. The row outlives what retention removed: `gone_at` says when it was missed."""

    __tablename__ = "backup"
    __table_args__ = (
        CheckConstraint("kind IN ('full', 'incremental')", name="kind_known"),
        CheckConstraint("end_at IS NULL OR begin_at IS NULL OR end_at >= begin_at", name="ends_after_begin"),
        Index("ix_backup_begin_at", text("begin_at DESC")),
    )

    server: Mapped[str] = mapped_column(primary_key=True)
    backup_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default="full")
    parent_id: Mapped[str | None]
    status: Mapped[str]
    begin_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    copy_seconds: Mapped[float | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    cluster_bytes: Mapped[int | None] = mapped_column(BigInteger)
    wal_bytes: Mapped[int | None] = mapped_column(BigInteger)
    begin_wal: Mapped[str | None]
    end_wal: Mapped[str | None]
    begin_lsn: Mapped[str | None]
    end_lsn: Mapped[str | None]
    timeline: Mapped[int | None]
    compression: Mapped[str | None]
    encryption: Mapped[str | None]
    error: Mapped[str] = mapped_column(default="")
    verified_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]

    @property
    def duration(self) -> timedelta | None:
        """From its begin to its end."""
        if self.begin_at is None or self.end_at is None or self.end_at == self.begin_at:
            return None  # a managed service tells one moment only
        return self.end_at - self.begin_at

    @property
    def age(self) -> timedelta | None:
        """Since its end."""
        return datetime.now(UTC) - self.end_at if self.end_at else None

    @property
    def is_restorable(self) -> bool:
        """Whether a restore can start from it."""
        return self.status in RESTORABLE and self.gone_at is None
