"""Owns the rehearsals: a plan run on a scratch restore, with what it took."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class RehearsalOutcome(StrEnum):
    """How a rehearsal ended; one that broke by itself says nothing about the plan."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"


class Rehearsal(ControlModel):
    """One plan tried on a restored copy; times in milliseconds."""

    __tablename__ = "rehearsal"
    __table_args__ = (
        CheckConstraint("outcome IN ('running', 'passed', 'failed', 'broken')", name="outcome"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("fleet_plan.id"), index=True)
    sql_hash: Mapped[str]
    restore_id: Mapped[int | None] = mapped_column(ForeignKey("restore.id"))
    outcome: Mapped[str] = mapped_column(default=RehearsalOutcome.RUNNING)
    reason: Mapped[str] = mapped_column(default="")
    # Each with: tenant, schema, bytes, revision, note, milliseconds, error (statement, sql, words, code) and
    # steps (each: step, revision, milliseconds, statements, wal_bytes, rewritten, locks, error)
    schemas: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    job_run_id: Mapped[UUID | None]
    actor: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
