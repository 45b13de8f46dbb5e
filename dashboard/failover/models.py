"""Owns the evidence of failovers: every rehearsal, switchover and promotion, step by step."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class Kind(StrEnum):
    """What was done: tried on throw-away servers, changed over by wish, or promoted in an emergency."""

    REHEARSAL = "rehearsal"
    SWITCHOVER = "switchover"
    PROMOTION = "promotion"


class Status(StrEnum):
    """How it ended. `failed`: the failover does not work as promised. `broken`: the trial itself broke."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BROKEN = "broken"


class Rehearsal(ControlModel):
    """One failover, tried or real; kept for ever. Bytes are of WAL, milliseconds as a client saw them.

    `steps`: [{"name", "began_at", "seconds", "text", "state": running|done|failed|skipped}] in order.
    `report`: what else is evidence (checks, probe, promises); `scratch`: folder of throw-away servers.
    """

    __tablename__ = "failover"
    __table_args__ = (
        CheckConstraint("kind IN ('rehearsal', 'switchover', 'promotion')", name="kind"),
        CheckConstraint("status IN ('running', 'done', 'failed', 'broken')", name="status"),
        CheckConstraint("finished_at IS NULL OR finished_at >= started_at", name="ends_after_start"),
        Index("ix_failover_started_at", text("started_at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    provider: Mapped[str] = mapped_column(default="streaming", server_default="streaming")
    actor: Mapped[str]
    reason: Mapped[str] = mapped_column(default="", server_default="")
    run_id: Mapped[UUID | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(default=Status.RUNNING, server_default="running")
    from_server: Mapped[str] = mapped_column(default="", server_default="")
    to_server: Mapped[str] = mapped_column(default="", server_default="")
    timeline_before: Mapped[int | None]
    timeline_after: Mapped[int | None]
    outage_ms: Mapped[float | None]
    lost_bytes: Mapped[int | None] = mapped_column(BigInteger)
    lost_rows: Mapped[int | None] = mapped_column(BigInteger)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    report: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    error: Mapped[str] = mapped_column(default="", server_default="")
    scratch: Mapped[str] = mapped_column(default="", server_default="")
