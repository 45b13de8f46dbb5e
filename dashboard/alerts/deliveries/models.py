"""Owns where alerts go, what was told to whom, and the outbox."""

from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import ControlModel
from dashboard.core.filters import zone

REPEAT_SECONDS = 4 * 3600


class Kind(StrEnum):
    """How a route tells."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class Body(StrEnum):
    """What a webhook gets: everything, or one text as chat programs take it."""

    FULL = "full"
    TEXT = "text"


class Purpose(StrEnum):
    """Why a delivery was written."""

    ALERTS = "alerts"
    TEST = "test"


class Route(ControlModel):
    """Which alerts go to one mail address or webhook. Address and secret of a webhook are kept sealed."""

    __tablename__ = "alert_route"
    __table_args__ = (
        CheckConstraint("kind IN ('mail', 'webhook')", name="kind"),
        CheckConstraint("body IN ('full', 'text')", name="body"),
        CheckConstraint("repeat_seconds >= 0", name="repeat"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="quiet_is_whole"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    # A mail address; of a webhook only its host, as its path may be what lets one in.
    address: Mapped[str]
    sealed_url: Mapped[str] = mapped_column(default="", server_default="")
    sealed_secret: Mapped[str] = mapped_column(default="", server_default="")
    body: Mapped[str] = mapped_column(default=Body.FULL, server_default="full")
    # Empty means every one.
    severities: Mapped[list[str]] = mapped_column(JSONB, default=list)
    areas: Mapped[list[str]] = mapped_column(JSONB, default=list)
    # While it fires and nobody has acknowledged it; 0 tells once.
    repeat_seconds: Mapped[int] = mapped_column(default=REPEAT_SECONDS)
    # Warnings wait from then until then.
    quiet_from: Mapped[time | None]
    quiet_until: Mapped[time | None]
    quiet_zone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    changed_by: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy's own form

    def wants(self, rule: str, severity: str) -> bool:
        """Whether alerts of this rule come here."""
        area = rule.partition(".")[0]
        return severity in (self.severities or [severity]) and area in (self.areas or [area])

    def is_quiet(self, severity: str, now: datetime) -> bool:
        """Whether this has to wait for the end of the night; what is critical never does."""
        if severity == "critical" or self.quiet_from is None or self.quiet_until is None:
            return False
        clock = now.astimezone(zone(self.quiet_zone)).time()
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= clock < self.quiet_until
        return clock >= self.quiet_from or clock < self.quiet_until

    def repeats(self, told_at: datetime, now: datetime) -> bool:
        """Whether it is time to say it again."""
        return bool(self.repeat_seconds) and now - told_at >= timedelta(seconds=self.repeat_seconds)


class Told(ControlModel):
    """An alert that a route knows of and has not been told the end of."""

    __tablename__ = "alert_told"

    route_id: Mapped[int] = mapped_column(ForeignKey(Route.id, ondelete="CASCADE"), primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    told_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)
    # What was said, for the message that it is over: the rule may be gone by then.
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Delivery(ControlModel):
    """One message of the outbox. Its id is the key by which a receiver knows a second copy."""

    __tablename__ = "alert_delivery"
    __table_args__ = (
        CheckConstraint("purpose IN ('alerts', 'test')", name="purpose"),
        Index("ix_alert_delivery_created_at", text("created_at DESC")),
        Index(
            "ix_alert_delivery_open",
            "route_id",
            "created_at",
            postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    route_id: Mapped[int] = mapped_column(ForeignKey(Route.id, ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(default=Purpose.ALERTS)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="", server_default="")
    route: Mapped[Route] = relationship(lazy="joined", innerjoin=True)

    @property
    def state(self) -> str:
        """The word of its badge."""
        if self.sent_at:
            return "sent"
        if self.given_up_at:
            return "failed"
        return "retried" if self.attempts and self.error else "queued"
