"""Owns the archive: the dumps of tenants whose schemas were dropped, and how to bring them back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class TenantArchive(ControlModel):
    """The last dump of a tenant; `deleted` ones are kept for a while, `archived` ones until asked for."""

    __tablename__ = "tenant_archive"
    __table_args__ = (
        CheckConstraint("kind IN ('archived', 'deleted')", name="kind"),
        Index("ix_tenant_archive_slug", "slug", text("created_at DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    tenant_id: Mapped[int]
    slug: Mapped[str]
    name: Mapped[str]
    schema_name: Mapped[str]
    role_name: Mapped[str]
    revision: Mapped[str] = mapped_column(default="")
    # The registry's rows (tenant, domains, revisions) as JSON, to bring them back as they were
    registration: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict, server_default=text("'{}'::jsonb")
    )
    # Rows by table, counted inside the dump's snapshot; the proof that it is whole
    counts: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    path: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    verified_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    restored_at: Mapped[datetime | None]
    # Since when the dump is no more: swept after its time, or given up because the work was broken off
    gone_at: Mapped[datetime | None]
    actor: Mapped[str]
    run_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
