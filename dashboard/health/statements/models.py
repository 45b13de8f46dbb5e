"""Owns the history of queries: texts, what each cost per interval, the last snapshot, and plans."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel

MINUTE, HALF_HOUR = 60, 1800
OTHER = ""  # the fingerprint under which all but the heaviest texts are summed


class StatementText(ControlModel):
    """A query by its normalised text, without the schema it ran in. `fingerprint` is a hash of that."""

    __tablename__ = "statement_text"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    is_cut: Mapped[bool] = mapped_column(default=False)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime] = mapped_column(index=True)


class StatementInterval(ControlModel):
    """What all queries of an interval cost together, and what makes its figures less than complete.

    `seconds` is how long it really was; `forgotten` how many entries PostgreSQL dropped for want of room.
    """

    __tablename__ = "statement_interval"

    resolution: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    seconds: Mapped[float]
    calls: Mapped[int] = mapped_column(BigInteger)
    total_ms: Mapped[float]
    entries: Mapped[int]
    forgotten: Mapped[int] = mapped_column(BigInteger, default=0)
    was_reset: Mapped[bool] = mapped_column(default=False)


class StatementUse(ControlModel):
    """What one text cost in one interval; times in milliseconds, blocks of 8 KiB.

    `max_ms` is known only where a new longest run fell into the interval. `roles` maps the heaviest roles
    to [calls, milliseconds].
    """

    __tablename__ = "statement_use"
    __table_args__ = (Index("ix_statement_use_fingerprint", "fingerprint", "resolution", "at"),)

    resolution: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger)
    total_ms: Mapped[float]
    max_ms: Mapped[float | None]
    rows: Mapped[int] = mapped_column(BigInteger)
    hits: Mapped[int] = mapped_column(BigInteger)
    reads: Mapped[int] = mapped_column(BigInteger)
    temp_blocks: Mapped[int] = mapped_column(BigInteger)
    wal_bytes: Mapped[int] = mapped_column(BigInteger)
    roles: Mapped[dict[str, list[float]]] = mapped_column(
        JSONB, default=dict, server_default=text("'{}'::jsonb")
    )


class StatementSnapshot(ControlModel):
    """The counters as they stood last, to tell what the next interval cost. Unlogged: it may be lost."""

    __tablename__ = "statement_snapshot"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), {"prefixes": ["UNLOGGED"]})

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    taken_at: Mapped[datetime]
    since_at: Mapped[datetime | None]
    started_at: Mapped[datetime]
    forgotten: Mapped[int] = mapped_column(BigInteger, default=0)
    entries: Mapped[bytes] = mapped_column(LargeBinary)


class PlanStatus(StrEnum):
    """Where an EXPLAIN stands."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class StatementPlan(ControlModel):
    """How PostgreSQL would go about a query, or did, as one tenant; `plan` is EXPLAIN's JSON."""

    __tablename__ = "statement_plan"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'done', 'failed')", name="status"),
        Index("ix_statement_plan_fingerprint", "fingerprint", text("created_at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("statement_text.fingerprint", ondelete="CASCADE"))
    tenant: Mapped[str]
    is_analyzed: Mapped[bool] = mapped_column(default=False)
    # What was typed for $1, $2 …; kept because a plan means little without it. May hold what people typed.
    parameters: Mapped[list[str | None]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    status: Mapped[str] = mapped_column(default=PlanStatus.QUEUED)
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[str] = mapped_column(default="")
    actor: Mapped[str]
    run_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
