"""Owns the state of every alert, and what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class AlertState(StrEnum):
    """Pending is a breach that has not lasted long enough to wake anybody."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"


class Alert(ControlModel):
    """The state of one rule for one subject ('' where the rule has only one)."""

    __tablename__ = "alert"
    __table_args__ = (
        CheckConstraint("state IN ('ok', 'pending', 'firing')", name="state"),
        CheckConstraint("severity IN ('warning', 'critical')", name="severity"),
        Index("ix_alert_not_ok", "state", postgresql_where=text("state <> 'ok'")),
    )

    rule: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, default="")
    severity: Mapped[str] = mapped_column(default="critical")
    state: Mapped[str] = mapped_column(default=AlertState.OK)
    reason: Mapped[str] = mapped_column(default="")
    # Since when it is in this state, and when the breach was first seen.
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    breached_at: Mapped[datetime | None]
    checked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    fired_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    # While it fires: since when no breach is seen. It clears when that has held long enough.
    mending_at: Mapped[datetime | None]
    # Since when its condition cannot know, and why; the state is then the last that was known.
    unknown_at: Mapped[datetime | None]
    doubt: Mapped[str] = mapped_column(default="")


class AlertEvent(ControlModel):
    """A change of state; kept so that one can read what happened in the night."""

    __tablename__ = "alert_event"
    __table_args__ = (Index("ix_alert_event_at", text("at DESC")),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    rule: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
