"""Owns the state of every alert, who answered it, what is silenced, and what became of it."""

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
    # Who has it in hand, while it fires; gone when it clears.
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(default="", server_default="")
    acknowledged_note: Mapped[str] = mapped_column(default="", server_default="")
    # Since when it comes and goes so often that it is held firing.
    flapping_since: Mapped[datetime | None]


class AlertEvent(ControlModel):
    """A change of state, or an answer to it; kept so that one can read what happened in the night."""

    __tablename__ = "alert_event"
    __table_args__ = (
        Index("ix_alert_event_at", text("at DESC")),
        Index("ix_alert_event_rule", "rule", "subject", text("at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    rule: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str] = mapped_column(default="", server_default="")


class Silence(ControlModel):
    """While it holds nobody is told of a rule ('': every one), or of one of its subjects (None: all)."""

    __tablename__ = "alert_silence"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("reason <> ''", name="reason_given"),
        Index("ix_alert_silence_ends_at", "ends_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    rule: Mapped[str] = mapped_column(default="")
    subject: Mapped[str | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    # Ended by hand, before its time.
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(default="", server_default="")

    def covers(self, rule: str, subject: str) -> bool:
        """Whether it is about this alert."""
        return self.rule in {"", rule} and self.subject in {None, subject}

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.starts_at <= now < self.over_at

    @property
    def over_at(self) -> datetime:
        """When it ends, or was ended."""
        return min(self.ends_at, self.ended_at or self.ends_at)


class Signal(ControlModel):
    """The pings to the outside: when one was last tried, taken, or held back and why. One row, `deadman`."""

    __tablename__ = "alert_signal"

    name: Mapped[str] = mapped_column(primary_key=True)
    tried_at: Mapped[datetime | None]
    taken_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="", server_default="")
    held_since: Mapped[datetime | None]
    held_for: Mapped[str] = mapped_column(default="", server_default="")
