"""Owns plans and runs (control database) and their tasks (ERP: a task's step commits with its DDL)."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel, SharedModel


class PlanStatus(StrEnum):
    """A draft may be approved by its hash; a plan whose rendering changed since is stale."""

    DRAFT = "draft"
    APPROVED = "approved"
    STALE = "stale"
    DONE = "done"


class FleetStatus(StrEnum):
    """Where a run stands; `halted` waits for a decision after a failure."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    DONE = "done"
    CANCELLED = "cancelled"


OPEN = (FleetStatus.WAITING, FleetStatus.RUNNING, FleetStatus.PAUSED, FleetStatus.HALTED)


class TaskStatus(StrEnum):
    """Where one schema stands in a run."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class FleetPlan(ControlModel):
    """What would be done to every schema, rendered once. Times in milliseconds for one schema."""

    __tablename__ = "fleet_plan"
    __table_args__ = (
        CheckConstraint("direction IN ('up', 'down')", name="direction"),
        CheckConstraint("status IN ('draft', 'approved', 'stale', 'done')", name="status"),
        CheckConstraint("(status <> 'approved') OR (approved_by <> '')", name="approver"),
        Index("ix_fleet_plan_created_at", text("created_at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    direction: Mapped[str] = mapped_column(default="up")
    to_revision: Mapped[str]
    # SHA-256 over the steps; what is approved and what is run must be the same.
    sql_hash: Mapped[str]
    # In the order of running, each with: revision, number, transactional, statements
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    # Each with: step, statement, rule, level, message, advice
    findings: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    # Each with: step, statement, lock, table, rows, bytes, estimate_ms, reason
    locks: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    # schemas (how many), by_revision (how many at each), largest (schema, bytes, rows)
    fleet: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    estimate_ms: Mapped[float | None]
    is_reversible: Mapped[bool] = mapped_column(default=False)
    irreversible_reason: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default=PlanStatus.DRAFT)
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    approved_by: Mapped[str] = mapped_column(default="")
    approved_at: Mapped[datetime | None]
    approval_note: Mapped[str] = mapped_column(default="")


class FleetRun(ControlModel):
    """One execution of an approved plan over the fleet."""

    __tablename__ = "fleet_run"
    __table_args__ = (
        CheckConstraint(
            "status IN ('waiting', 'running', 'paused', 'halted', 'done', 'cancelled')", name="status"
        ),
        CheckConstraint("backup_id <> '' OR backup_skipped <> '' OR started_at IS NULL", name="backup_first"),
        # Two at once would wait for each other's locks.
        Index(
            "uq_fleet_run_open",
            text("(true)"),
            unique=True,
            postgresql_where=text("status IN ('waiting', 'running', 'paused', 'halted')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("fleet_plan.id"), index=True)
    status: Mapped[str] = mapped_column(default=FleetStatus.WAITING)
    reason: Mapped[str] = mapped_column(default="")
    wave: Mapped[int] = mapped_column(default=0)
    # canary (a slug), shares (of the fleet by wave), workers
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    backup_id: Mapped[str] = mapped_column(default="")
    backup_skipped: Mapped[str] = mapped_column(default="")
    restore_point: Mapped[str] = mapped_column(default="")
    job_run_id: Mapped[UUID | None]
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class FleetTask(SharedModel):
    """One schema in one run: `step` is the next one to do. It commits with the DDL of the step before."""

    __tablename__ = "fleet_task"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'running', 'done', 'failed', 'skipped')", name="status"),
        Index(
            "ix_fleet_task_open", "run_id", "wave", "not_before", postgresql_where=text("status = 'pending'")
        ),
    )

    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    schema_name: Mapped[str] = mapped_column(Text, primary_key=True)
    wave: Mapped[int]
    step: Mapped[int] = mapped_column(server_default="0")
    from_revision: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=TaskStatus.PENDING.value)
    attempts: Mapped[int] = mapped_column(server_default="0")
    lock_waits: Mapped[int] = mapped_column(server_default="0")
    not_before: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    worker: Mapped[str] = mapped_column(Text, server_default="")
    duration_ms: Mapped[float] = mapped_column(server_default="0")
    error: Mapped[str] = mapped_column(Text, server_default="")
    finished_at: Mapped[datetime | None]
