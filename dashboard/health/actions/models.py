"""Owns maintenance windows, the actions people asked for, and each action's work schema by schema."""

from datetime import datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class Status(StrEnum):
    """Where an action stands: deferred waits for its window; the last three are final."""

    DEFERRED = "deferred"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemStatus(StrEnum):
    """Where the work on one schema stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


OPEN = (Status.DEFERRED, Status.QUEUED, Status.RUNNING, Status.PAUSED)
STATUSES = ", ".join(f"'{status}'" for status in Status)
ITEM_STATUSES = ", ".join(f"'{status}'" for status in ItemStatus)


class MaintenanceWindow(ControlModel):
    """A time of the week when maintenance may run. It may pass midnight; `weekday` is the day it opens on.

    Monday is 0; no weekday means every day. Times are those of `zone`.
    """

    __tablename__ = "maintenance_window"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("starts <> ends", name="has_length"),
        CheckConstraint("btrim(name) <> ''", name="name_not_blank"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    weekday: Mapped[int | None] = mapped_column(SmallInteger)
    starts: Mapped[time]
    ends: Mapped[time]
    zone: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class MaintenanceAction(ControlModel):
    """One thing somebody asked for, to one session, one table or index, or the same in every tenant."""

    __tablename__ = "maintenance_action"
    __table_args__ = (
        CheckConstraint(f"status IN ({STATUSES})", name="status"),
        CheckConstraint("status <> 'deferred' OR window_id IS NOT NULL", name="deferred_to_a_window"),
        Index("ix_maintenance_action_created_at", text("created_at DESC")),
        Index(
            "ix_maintenance_action_open",
            "id",
            postgresql_where=text("status IN ('deferred', 'queued', 'running', 'paused')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    # {"pid", "started"} of a session, else {"schema", "table", "index"}
    target: Mapped[dict[str, Any]] = mapped_column(JSONB)
    everywhere: Mapped[bool] = mapped_column(default=False)
    forced: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str]
    actor: Mapped[str]
    status: Mapped[str] = mapped_column(default=Status.QUEUED)
    window_id: Mapped[int | None] = mapped_column(ForeignKey("maintenance_window.id"), index=True)
    run_id: Mapped[UUID | None]
    undo_of: Mapped[int | None] = mapped_column(ForeignKey("maintenance_action.id"))
    outcome: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def is_open(self) -> bool:
        """Whether something may still happen."""
        return self.status in OPEN


class MaintenanceItem(ControlModel):
    """The work on one schema. `undo` brings back what was dropped; sizes in bytes."""

    __tablename__ = "maintenance_item"
    __table_args__ = (CheckConstraint(f"status IN ({ITEM_STATUSES})", name="status"),)

    action_id: Mapped[int] = mapped_column(
        ForeignKey("maintenance_action.id", ondelete="CASCADE"), primary_key=True
    )
    schema_name: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default=ItemStatus.WAITING)
    detail: Mapped[str] = mapped_column(default="")
    undo: Mapped[str] = mapped_column(default="")
    # An index was left half-made because somebody held it; it is removed as soon as that is over.
    has_leftover: Mapped[bool] = mapped_column(default=False, server_default=false(), index=True)
    bytes_before: Mapped[int | None] = mapped_column(BigInteger)
    bytes_after: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
