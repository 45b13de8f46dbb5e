"""Owns the journeys of the tenant time machine."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class RewindStatus(StrEnum):
    """Preparing until the old state stands beside the live one; the last three are final."""

    PREPARING = "preparing"
    READY = "ready"
    SWAPPED = "swapped"
    UNDONE = "undone"
    DISCARDED = "discarded"
    FAILED = "failed"


STANDING = (RewindStatus.READY, RewindStatus.SWAPPED, RewindStatus.UNDONE)


class Rewind(ControlModel):
    """One tenant brought back beside its live schema, as of a moment."""

    __tablename__ = "rewind"
    __table_args__ = (
        CheckConstraint(
            "status IN ('preparing', 'ready', 'swapped', 'undone', 'discarded', 'failed')", name="status"
        ),
        Index("ix_rewind_created_at", text("created_at DESC")),
        # Two at once for one tenant would swap each other away.
        Index(
            "uq_rewind_open_tenant",
            "tenant",
            unique=True,
            postgresql_where=text("status IN ('preparing', 'ready', 'swapped')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    tenant: Mapped[str]
    live_schema: Mapped[str]
    target_at: Mapped[datetime]
    reached_at: Mapped[datetime | None]
    restore_id: Mapped[int | None] = mapped_column(ForeignKey("restore.id"))
    # The old state beside the live one; after a swap, where the former live one went.
    beside_schema: Mapped[str] = mapped_column(default="")
    aside_schema: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default=RewindStatus.PREPARING)
    reason: Mapped[str] = mapped_column(default="")
    # [{"table", "added", "changed", "gone", "rows_live", "rows_then"}] as seen from the old state
    differences: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    brought_back: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )
    # What a person should know of the load: shared rows put back, what is defined otherwise now.
    notes: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=text("'[]'::jsonb"))
    swap_ms: Mapped[float | None]
    run_id: Mapped[UUID | None]
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ready_at: Mapped[datetime | None]
    compared_at: Mapped[datetime | None]
    swapped_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def is_open(self) -> bool:
        """Whether a schema of it may stand beside the live one."""
        return self.status in STANDING

    @property
    def other_schema(self) -> str:
        """The schema that the live one is compared with: the old state, or after a swap what was live."""
        return self.aside_schema if self.status == RewindStatus.SWAPPED else self.beside_schema
