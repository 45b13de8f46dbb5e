"""Owns the fleet ledger: which tenant stands at which revision. It commits with the DDL."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import SharedModel


class TenantRevision(SharedModel):
    """One upgrade of one tenant; the newest row is where it stands."""

    __tablename__ = "tenant_revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("public.tenant.id", ondelete="CASCADE"), index=True)
    from_revision: Mapped[str | None] = mapped_column(Text)
    to_revision: Mapped[str | None] = mapped_column(Text)
    applied_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    applied_by: Mapped[str] = mapped_column(Text)
    duration_ms: Mapped[int]
