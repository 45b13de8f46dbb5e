"""Owns the evidence: every drill, every verification, and the clocked rows drills look for."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel, SharedModel


class Outcome(StrEnum):
    """How a drill ended. A drill that broke by itself says nothing against the backup."""

    RUNNING = "running"
    PASSED = "passed"
    BACKUP_BROKEN = "backup_broken"
    DRILL_BROKEN = "drill_broken"
    CANCELLED = "cancelled"


class Drill(ControlModel):
    """One restore that was made only to prove that it works; times in seconds, sizes in bytes."""

    __tablename__ = "drill"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('running', 'passed', 'backup_broken', 'drill_broken', 'cancelled')", name="outcome"
        ),
        CheckConstraint("finished_at IS NULL OR finished_at >= started_at", name="ends_after_start"),
        Index("ix_drill_started_at", text("started_at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    restore_id: Mapped[int | None] = mapped_column(ForeignKey("restore.id"))
    run_id: Mapped[UUID | None]
    server: Mapped[str]
    backup_id: Mapped[str] = mapped_column(default="")
    outcome: Mapped[str] = mapped_column(default=Outcome.RUNNING)
    reason: Mapped[str] = mapped_column(default="")
    broken_file: Mapped[str] = mapped_column(default="")
    actor: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    target_at: Mapped[datetime | None]
    reached_at: Mapped[datetime | None]
    rpo_seconds: Mapped[float | None]
    rto_seconds: Mapped[float | None]
    phases: Mapped[dict[str, float]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    # [{"name", "subject", "status": passed|failed|skipped, "detail", "seconds"}]
    checks: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    cluster_bytes: Mapped[int | None] = mapped_column(BigInteger)
    wal_bytes: Mapped[int | None] = mapped_column(BigInteger)


class Verification(ControlModel):
    """One verification of one backup, kept whether it passed or not (BAK-8)."""

    __tablename__ = "verification"
    __table_args__ = (
        CheckConstraint("method IN ('checksum', 'restored')", name="method"),
        Index("ix_verification_backup", "server", "backup_id", text("at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    server: Mapped[str]
    backup_id: Mapped[str]
    method: Mapped[str]
    passed: Mapped[bool]
    reason: Mapped[str] = mapped_column(default="")
    broken_file: Mapped[str] = mapped_column(default="")
    seconds: Mapped[float | None]
    run_id: Mapped[UUID | None]
    drill_id: Mapped[int | None] = mapped_column(ForeignKey("drill.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Canary(SharedModel):
    """A clocked row in the ERP cluster, one a minute; the owner alone writes it."""

    __tablename__ = "steward_canary"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    token: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
