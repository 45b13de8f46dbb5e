"""Owns the periods without a synchronous copy: commits went on, and only one server had them."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel

OPEN = text("until IS NULL")


class Cause(StrEnum):
    """Who let it happen: Steward after the set time, a person, or somebody outside Steward."""

    AUTOMATIC = "automatic"
    OPERATOR = "operator"
    FOUND = "found"


class Restore(StrEnum):
    """How it is to end: by itself once the standby has caught up, or when somebody says so."""

    AUTOMATIC = "automatic"
    BY_HAND = "by_hand"


class DurabilityLoss(ControlModel):
    """One period in which commits did not wait for `standby`, though they should; open while `until` is null.

    `held_lsn` is what the standby had for certain when it began, `since_lsn` and `until_lsn` where the
    primary wrote at both ends. `commits` is how many waited then.
    """

    __tablename__ = "durability_loss"
    __table_args__ = (
        CheckConstraint("cause IN ('automatic', 'operator', 'found')", name="cause"),
        CheckConstraint("restore IN ('automatic', 'by_hand')", name="restore"),
        CheckConstraint("until IS NULL OR until >= since", name="ends_after_start"),
        # Of two that degrade at once one finds it done.
        Index("uq_durability_loss_open", text("(until IS NULL)"), unique=True, postgresql_where=OPEN),
        Index("ix_durability_loss_since", text("since DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    standby: Mapped[str]
    primary: Mapped[str] = mapped_column(default="", server_default="")
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    until: Mapped[datetime | None]
    cause: Mapped[str]
    restore: Mapped[str] = mapped_column(default=Restore.AUTOMATIC, server_default="automatic")
    actor: Mapped[str] = mapped_column(default="", server_default="")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    commits: Mapped[int | None]
    held_lsn: Mapped[str] = mapped_column(default="", server_default="")
    since_lsn: Mapped[str] = mapped_column(default="", server_default="")
    until_lsn: Mapped[str] = mapped_column(default="", server_default="")
    closed_by: Mapped[str] = mapped_column(default="", server_default="")
    closing: Mapped[str] = mapped_column(default="", server_default="")

    @property
    def length(self) -> timedelta:
        """How long it lasted, or has lasted until now."""
        return (self.until or datetime.now(UTC)) - self.since

    @property
    def bytes(self) -> int | None:
        """WAL that was written with one copy only; None while it is open or a position is unknown."""
        if not self.since_lsn or not self.until_lsn:
            return None
        return max(position_of(self.until_lsn) - position_of(self.since_lsn), 0)


def position_of(lsn: str) -> int:
    """Return an LSN such as 0/3000148 as bytes since the beginning of the WAL."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
