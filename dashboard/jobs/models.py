"""Owns the tables of jobs: runs, their log and steps, schedules, and the outbox in the ERP cluster."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel, SharedModel

SYSTEM_ACTOR = "schedule"


class RunStatus(StrEnum):
    """Where a run stands. Queued and waiting become running; the last four are final."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


ACTIVE = (RunStatus.QUEUED, RunStatus.WAITING, RunStatus.RUNNING)
FINISHED = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST)
_STATUSES = ", ".join(f"'{status}'" for status in RunStatus)


class JobRun(ControlModel):
    """One piece of work that was asked for, from the request to its result."""

    __tablename__ = "job_run"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        CheckConstraint("progress_done >= 0 AND progress_total >= 0", name="progress"),
        CheckConstraint("attempt >= 0 AND max_attempts >= 1", name="attempts"),
        Index("ix_job_run_enqueued_at_id", text("enqueued_at DESC"), text("id DESC")),
        Index("ix_job_run_job_enqueued_at", "job", text("enqueued_at DESC")),
        # Few rows are active at any time: the relay reads them every few seconds.
        Index(
            "ix_job_run_active",
            "status",
            "queue",
            postgresql_where=text("status IN ('queued', 'waiting', 'running')"),
        ),
        Index(
            "ix_job_run_schedule",
            "schedule",
            text("enqueued_at DESC"),
            postgresql_where=text("schedule IS NOT NULL"),
        ),
        Index("ix_job_run_actor", "actor", text("enqueued_at DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    job: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    args: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    queue: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=RunStatus.QUEUED)
    progress_done: Mapped[int] = mapped_column(default=0)
    progress_total: Mapped[int] = mapped_column(default=0)
    progress_text: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[str] = mapped_column(Text, default="")
    traceback: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str | None] = mapped_column(Text)
    lock: Mapped[str | None] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=1)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    cancel_requested_at: Mapped[datetime | None]
    enqueued_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    not_before: Mapped[datetime | None]
    pushed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    worker: Mapped[str] = mapped_column(Text, default="")
    rq_job_id: Mapped[str] = mapped_column(Text, default="")
    schedule: Mapped[str | None] = mapped_column(Text)
    outbox_id: Mapped[UUID | None] = mapped_column(unique=True)

    @property
    def is_active(self) -> bool:
        """Whether something may still happen to it by itself."""
        return self.status in ACTIVE

    @property
    def seconds(self) -> float | None:
        """Seconds of the last attempt, None while it has not finished."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class JobLog(ControlModel):
    """One line that a run wrote for people; `id` gives the order."""

    __tablename__ = "job_log"
    __table_args__ = (Index("ix_job_log_run_id_id", "run_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("job_run.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    text: Mapped[str] = mapped_column(Text)


class JobStep(ControlModel):
    """A step of a run whose effects are in the control database, written in the same transaction."""

    __tablename__ = "job_step"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("job_run.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ScheduleState(ControlModel):
    """A timed job as staff see it. The declaration comes from code, pausing and history live here."""

    __tablename__ = "schedule"
    __table_args__ = (CheckConstraint("(every IS NULL) <> (cron IS NULL)", name="every_or_cron"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    job: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    every: Mapped[int | None]
    cron: Mapped[str | None] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(Text, default="UTC")
    args: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    is_declared: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    paused: Mapped[bool] = mapped_column(default=False)
    paused_by: Mapped[str] = mapped_column(Text, default="")
    last_slot: Mapped[datetime | None]
    last_run_id: Mapped[UUID | None]
    last_run_at: Mapped[datetime | None]
    last_status: Mapped[str] = mapped_column(Text, default="")
    last_duration: Mapped[float | None]


class Outbox(SharedModel):
    """Work that must follow from a data change; written in the transaction of that change.

    Tenant roles may only INSERT (id, job, args, actor, request_id): `role_name` then cannot be forged, and
    the relay takes the tenant from it. A relayed row is deleted.
    """

    __tablename__ = "outbox"

    id: Mapped[UUID] = mapped_column(
        primary_key=True, default=uuid4, server_default=text("gen_random_uuid()")
    )
    role_name: Mapped[str] = mapped_column(Text, server_default=text("CURRENT_USER"))
    job: Mapped[str] = mapped_column(Text)
    args: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    actor: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)


class SharedStep(SharedModel):
    """A step of a run whose effects are ERP records, in the same transaction (insert-only for tenants)."""

    __tablename__ = "job_step"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
