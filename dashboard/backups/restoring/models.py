"""Owns the restores to scratch servers, and the restore points one can aim at."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class Target(StrEnum):
    """What a restore aims at: all the repository holds, a moment, or a named restore point."""

    LATEST = "latest"
    TIME = "time"
    POINT = "point"


class RestoreStatus(StrEnum):
    """Where a restore stands; `gone` is one that was torn down."""

    PREPARING = "preparing"
    FETCHING = "fetching"
    REPLAYING = "replaying"
    READY = "ready"
    FAILED = "failed"
    GONE = "gone"


UNDER_WAY = (RestoreStatus.PREPARING, RestoreStatus.FETCHING, RestoreStatus.REPLAYING)


class Restore(ControlModel):
    """One backup brought back beside the live cluster. Bytes are of the data folder, WAL in files."""

    __tablename__ = "restore"
    __table_args__ = (
        CheckConstraint("purpose IN ('look', 'drill', 'tenant', 'rehearsal')", name="purpose"),
        CheckConstraint("target_kind IN ('latest', 'time', 'point')", name="target_kind"),
        CheckConstraint(
            "status IN ('preparing', 'fetching', 'replaying', 'ready', 'failed', 'gone')", name="status"
        ),
        CheckConstraint("(target_kind = 'time') = (target_at IS NOT NULL)", name="time_is_given"),
        CheckConstraint("bytes_done >= 0 AND wal_done >= 0", name="progress"),
        Index("ix_restore_created_at", text("created_at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    purpose: Mapped[str] = mapped_column(default="look")
    target_kind: Mapped[str] = mapped_column(default=Target.LATEST)
    target_at: Mapped[datetime | None]
    target_name: Mapped[str] = mapped_column(default="")
    server: Mapped[str]
    backup_id: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default=RestoreStatus.PREPARING)
    reason: Mapped[str] = mapped_column(default="")
    folder: Mapped[str] = mapped_column(default="")
    bytes_total: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    wal_total: Mapped[int] = mapped_column(default=0)
    wal_done: Mapped[int] = mapped_column(default=0)
    # Seconds by phase: plan, fetch, wal, replay, promote, …
    phases: Mapped[dict[str, float]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    # The commit time of the last transaction that was brought back, as the server's log says.
    reached_at: Mapped[datetime | None]
    run_id: Mapped[UUID | None]
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]

    @property
    def is_under_way(self) -> bool:
        """Whether its job still works on it."""
        return self.status in UNDER_WAY


class RestorePoint(ControlModel):
    """A named place in the WAL (pg_create_restore_point), made before something risky."""

    __tablename__ = "restore_point"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    position: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(default="")
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
