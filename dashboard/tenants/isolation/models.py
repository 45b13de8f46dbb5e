"""Owns the history of the attempts to break out of tenants."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class IsolationCheck(ControlModel):
    """One round of the probe over every tenant; duration in milliseconds."""

    __tablename__ = "isolation_check"
    __table_args__ = (Index("ix_isolation_check_at", text("at DESC")),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    tenants: Mapped[int]
    attempts: Mapped[int]
    # [{"tenant", "title", "statement", "answer"}]: what PostgreSQL allowed, and what could not be tried
    holes: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    duration_ms: Mapped[float]
    actor: Mapped[str]
    run_id: Mapped[UUID | None]
