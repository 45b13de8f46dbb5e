"""Owns the ledger: at which revision each schema stands, and who moved it there. It commits with the DDL."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import SharedModel


class SchemaKind(StrEnum):
    """Whose schema it is. Spare and template schemas are part of every rollout, as tenants are."""

    TENANT = "tenant"
    SPARE = "spare"
    TEMPLATE = "template"


class SchemaHead(SharedModel):
    """Where one schema of the tenants' history stands now."""

    __tablename__ = "schema_head"
    __table_args__ = (
        CheckConstraint("kind IN ('tenant', 'spare', 'template')", name="kind"),
        CheckConstraint("(kind = 'tenant') = (tenant_id IS NOT NULL)", name="tenant_is_given"),
        Index("uq_schema_head_template", "kind", unique=True, postgresql_where=text("kind = 'template'")),
        Index("ix_schema_head_spare", "schema_name", postgresql_where=text("kind = 'spare'")),
    )

    schema_name: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, server_default=SchemaKind.TENANT.value)
    tenant_id: Mapped[int | None] = mapped_column(
        ForeignKey("public.tenant.id", ondelete="CASCADE"), unique=True
    )
    revision: Mapped[str | None] = mapped_column(Text)
    moved_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    # What it consists of, as last read; see drift/. None before the first look and after every move.
    fingerprint: Mapped[str | None] = mapped_column(Text)
    fingerprinted_at: Mapped[datetime | None]


class TenantRevision(SharedModel):
    """One upgrade of one tenant; what it is at now is in `schema_head`."""

    __tablename__ = "tenant_revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("public.tenant.id", ondelete="CASCADE"), index=True)
    from_revision: Mapped[str | None] = mapped_column(Text)
    to_revision: Mapped[str | None] = mapped_column(Text)
    applied_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    applied_by: Mapped[str] = mapped_column(Text)
    duration_ms: Mapped[int]
