"""Owns the two logs: row history (in each tenant, by trigger) and operations (in the control database)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel, TenantModel


class RowHistory(TenantModel):
    """One change of one row, written by a trigger; the tenant's role may only read it."""

    __tablename__ = "row_history"
    __table_args__ = (
        CheckConstraint("operation IN ('I', 'U', 'D')", name="operation_known"),
        Index("ix_row_history_record", "table_name", "record_id", "id"),
        Index("ix_row_history_request_id", "request_id", "id"),
        Index("ix_row_history_removed", "table_name", "id", postgresql_where=text("operation = 'D'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    table_name: Mapped[str] = mapped_column(Text)
    record_id: Mapped[int] = mapped_column(BigInteger)
    operation: Mapped[str] = mapped_column(Text)
    old: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    new: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    actor: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    session_user_name: Mapped[str] = mapped_column(Text)
    client_addr: Mapped[str | None] = mapped_column(INET)
    application_name: Mapped[str | None] = mapped_column(Text)
    transaction_id: Mapped[int] = mapped_column(BigInteger)


class HistoryArchive(TenantModel):
    """A part of the row history that was put away into a file, or brought back; rows are only added.

    Its ids are at least `lower_id` (none: from the beginning) and less than `upper_id`. `net` by table: rows
    created less rows removed, which a comparison of history and rows needs of what is put away.
    """

    __tablename__ = "history_archive"
    __table_args__ = (
        CheckConstraint("operation IN ('archived', 'restored')", name="operation_known"),
        CheckConstraint("lower_id < upper_id", name="bounds_in_order"),
        CheckConstraint("jsonb_typeof(net) = 'object'", name="net_object"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    operation: Mapped[str] = mapped_column(Text)
    part: Mapped[str] = mapped_column(Text)
    lower_id: Mapped[int | None] = mapped_column(BigInteger)
    upper_id: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    rows: Mapped[int] = mapped_column(BigInteger)
    net: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)


class Operation(ControlModel):
    """One thing an operator did to the system: a login, a grant, a backup, a new tenant."""

    __tablename__ = "operation"
    __table_args__ = (Index("ix_operation_at", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text, server_default="")
    tenant: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    request_id: Mapped[str] = mapped_column(Text, server_default="")
    ip: Mapped[str | None] = mapped_column(INET)
