"""Owns the shared tables that name tenants and their domains."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import SharedModel, Timestamps


class TenantStatus(StrEnum):
    """What may be done with a tenant."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class TenantRef:
    """What a session needs to act for a tenant; cheap to keep and safe to share between threads."""

    id: int
    slug: str
    name: str
    schema: str
    role: str
    colour: str
    status: str
    # Left out of comparisons: it may be reworded while a request goes on, and the tenant stays the same.
    status_reason: str = field(default="", compare=False)


class Tenant(Timestamps, SharedModel):
    """One customer of the ERP. `schema_name` and `role_name` never change, slug and name may."""

    __tablename__ = "tenant"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z][a-z0-9-]*$' AND length(slug) <= 40", name="slug_form"),
        CheckConstraint("btrim(name) <> ''", name="name_not_blank"),
        CheckConstraint(
            "schema_name ~ '^tenant_[a-z0-9_]+$' AND length(schema_name) <= 63", name="schema_name_form"
        ),
        CheckConstraint("colour ~ '^#[0-9a-f]{6}$'", name="colour_form"),
        CheckConstraint("status IN ('active', 'suspended', 'archived')", name="status_known"),
        Index("ix_tenant_former_slugs", "id", postgresql_where=text("former_slugs <> '{}'::jsonb")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    schema_name: Mapped[str] = mapped_column(unique=True)
    role_name: Mapped[str] = mapped_column(unique=True)
    colour: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=TenantStatus.ACTIVE.value)
    # Why it has this status, told to people who come by, and since when.
    status_reason: Mapped[str] = mapped_column(server_default="")
    status_since: Mapped[datetime | None]
    # Who answers for it at the customer's side.
    owner_email: Mapped[str] = mapped_column(server_default="")
    # {slug: until when}: short names it had, which nobody else gets while old links may be about.
    former_slugs: Mapped[dict[str, str]] = mapped_column(
        JSONB, default=dict, server_default=text("'{}'::jsonb")
    )

    @property
    def ref(self) -> TenantRef:
        """The tenant without its session."""
        return TenantRef(
            self.id,
            self.slug,
            self.name,
            self.schema_name,
            self.role_name,
            self.colour,
            self.status,
            self.status_reason,
        )


class Domain(Timestamps, SharedModel):
    """A host name that leads to a tenant; one of them is its primary one."""

    __tablename__ = "domain"
    __table_args__ = (
        CheckConstraint("host ~ '^[a-z0-9.-]+$' AND length(host) <= 253", name="host_form"),
        Index("uq_domain_one_primary", "tenant_id", unique=True, postgresql_where=text("is_primary")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("public.tenant.id", ondelete="CASCADE"), index=True)
    host: Mapped[str] = mapped_column(unique=True)
    is_primary: Mapped[bool] = mapped_column(server_default=text("false"))


class Maintenance(SharedModel):
    """An announcement over the pages of one tenant, or of all (no tenant), which may also forbid writing."""

    __tablename__ = "maintenance"
    __table_args__ = (
        CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("btrim(message) <> ''", name="message_not_blank"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int | None] = mapped_column(
        ForeignKey("public.tenant.id", ondelete="CASCADE"), index=True
    )
    message: Mapped[str] = mapped_column(Text)
    is_read_only: Mapped[bool] = mapped_column(server_default=text("false"))
    starts_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ends_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(Text)
