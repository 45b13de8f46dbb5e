"""Owns what is kept of promises: where each stands, what it was before, what people attest, the reports."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel

STATES = "'kept', 'at_risk', 'broken', 'unknown', 'attested', 'not_promised'"


class PromiseStanding(ControlModel):
    """Where a promise stood when it was last judged; `since` is when it took this state."""

    __tablename__ = "promise_standing"
    __table_args__ = (CheckConstraint(f"state IN ({STATES})", name="state"),)

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text, default="", server_default="")
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    evidence_at: Mapped[datetime | None]
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    judged_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PromiseChange(ControlModel):
    """A promise took another state; kept for ever, it is the history behind the strips."""

    __tablename__ = "promise_change"
    __table_args__ = (
        CheckConstraint(f"state IN ({STATES})", name="state"),
        Index("ix_promise_change_key_at", "key", text("at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    state: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text, default="", server_default="")
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")


class Attestation(ControlModel):
    """What a person answers for because no server can show it. Append-only, each row seals the one before."""

    __tablename__ = "attestation"
    __table_args__ = (
        CheckConstraint("expires_on > stated_on", name="expires_later"),
        CheckConstraint("number > 0", name="number"),
        Index("ix_attestation_promise", "promise", text("number DESC")),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    promise: Mapped[str] = mapped_column(Text)
    statement: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    stated_on: Mapped[date]
    expires_on: Mapped[date]
    actor: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    document_name: Mapped[str] = mapped_column(Text, default="", server_default="")
    document_type: Mapped[str] = mapped_column(Text, default="", server_default="")
    document_sha256: Mapped[str] = mapped_column(Text, default="", server_default="")
    document: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    previous_sha256: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text)


class PromiseReport(ControlModel):
    """One report of all promises as it was exported: the content it was made of, and the file itself.

    `content` is canonical JSON and holds the hashes of the report before; `sha256` is that of `content`.
    """

    __tablename__ = "promise_report"
    __table_args__ = (CheckConstraint("number > 0", name="number"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[str] = mapped_column(Text, deferred=True)
    sha256: Mapped[str] = mapped_column(Text)
    previous_sha256: Mapped[str] = mapped_column(Text)
    pdf: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    pdf_sha256: Mapped[str] = mapped_column(Text)
    pdf_bytes: Mapped[int]
    # How many promises were in each state.
    counts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)


class ChecklistTick(ControlModel):
    """Somebody ticked a step of the checklist, or took the tick away; the newest row of a step counts."""

    __tablename__ = "checklist_tick"
    __table_args__ = (Index("ix_checklist_tick_step", "step", text("id DESC")),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    step: Mapped[str] = mapped_column(Text)
    is_done: Mapped[bool]
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    actor: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
