"""Owns requests for quotation: their lines and who is invited."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import FetchedValue, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    Custom,
    Imported,
    Key,
    Money,
    Owned,
    Part,
    Quantity,
    Record,
    Restorable,
    Words,
    check,
    choice,
    iso_currency,
    json_object,
    label,
    not_blank,
    not_negative,
    one_of,
    org_key,
    positive,
    refers,
    sort_index,
    trigrams,
    unique_external,
)
from dashboard.erp.catalog.models import Product, ProductCategory, Unit
from dashboard.erp.organizations.models import AppUser, Organization
from dashboard.erp.suppliers.models import Supplier


class RfqStatus(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    SENT = "sent"
    QUOTED = "quoted"
    AWARDED = "awarded"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Rfq(Record, Owned, Restorable, Custom, Imported, TenantModel):
    """A request for quotation. Leaving draft numbers it; a numbered one is cancelled, never removed."""

    __tablename__ = "rfq"
    __table_args__ = (
        org_key(),
        UniqueConstraint("org_id", "number"),
        refers("category_id", "product_category"),
        *not_blank("title", "waiver", "early_close_reason", "cancel_reason"),
        one_of("status", RfqStatus),
        iso_currency(),
        *not_negative("budget"),
        check("deleted_at_unnumbered", "number IS NULL OR deleted_at IS NULL"),
        check("awarded_at_after_sent", "awarded_at >= sent_at"),
        *json_object("custom_fields"),
        unique_external("rfq"),
        Index("ix_rfq_category_id", "category_id"),
        Index("ix_rfq_buyer_id", "buyer_id"),
        sort_index("rfq", "status"),
        sort_index("rfq", "deadline"),
        sort_index("rfq", "created_at"),
        trigrams("rfq", "title", "number"),
    )

    number: Mapped[Words | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    title: Mapped[Words]
    description: Mapped[Words | None]
    category_id: Mapped[Key | None]
    buyer_id: Mapped[Key | None] = mapped_column(ForeignKey("app_user.id"))
    status: Mapped[str] = choice(RfqStatus, RfqStatus.DRAFT)
    deadline: Mapped[datetime | None] = mapped_column(info={"in_zone_of": "organization"})
    budget: Mapped[Money | None]
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    sealed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether prices stay unreadable until the opening, which sending fixes (see `rfq_seal`)."""
    waiver: Mapped[Words | None]
    """Why fewer than two suppliers are invited."""
    early_close_reason: Mapped[Words | None]
    cancel_reason: Mapped[Words | None]
    sent_at: Mapped[datetime | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    awarded_at: Mapped[datetime | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    organization: Mapped[Organization] = relationship()
    category: Mapped[ProductCategory | None] = relationship(
        primaryjoin="foreign(Rfq.category_id) == ProductCategory.id"
    )
    buyer: Mapped[AppUser | None] = relationship()
    lines: Mapped[list["RfqLine"]] = relationship(
        back_populates="rfq",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="(RfqLine.position, RfqLine.id)",
    )
    invitations: Mapped[list["RfqInvitation"]] = relationship(
        back_populates="rfq",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="RfqInvitation.id",
    )

    def __str__(self) -> str:
        return label(self.number, self.title)


class RfqLine(Record, Part, TenantModel):
    """What is asked for: a product or words, how much, by when."""

    __tablename__ = "rfq_line"
    __table_args__ = (
        org_key(),
        refers("rfq_id", "rfq", ondelete="CASCADE"),
        refers("product_id", "product"),
        check("description_or_product", "product_id IS NOT NULL OR btrim(description) <> ''"),
        *positive("quantity"),
        *not_negative("target_price"),
        Index("ix_rfq_line_rfq_id", "rfq_id", "position", "id"),
        Index("ix_rfq_line_product_id", "product_id"),
        Index("ix_rfq_line_unit_id", "unit_id"),
        trigrams("rfq_line", "description"),
    )

    rfq_id: Mapped[Key]
    position: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    product_id: Mapped[Key | None]
    description: Mapped[Words | None]
    quantity: Mapped[Quantity]
    unit_id: Mapped[Key | None] = mapped_column(ForeignKey("unit.id"))
    need_by: Mapped[date | None]
    target_price: Mapped[Money | None]
    rfq: Mapped[Rfq] = relationship(back_populates="lines")
    product: Mapped[Product | None] = relationship(primaryjoin="foreign(RfqLine.product_id) == Product.id")
    unit: Mapped[Unit | None] = relationship()

    def __str__(self) -> str:
        return self.description or str(self.product or f"Line {self.position}")


class RfqInvitation(Record, Part, TenantModel):
    """A supplier asked to quote."""

    __tablename__ = "rfq_invitation"
    __table_args__ = (
        refers("rfq_id", "rfq", ondelete="CASCADE"),
        refers("supplier_id", "supplier"),
        UniqueConstraint("rfq_id", "supplier_id"),
        Index("ix_rfq_invitation_supplier_id", "supplier_id"),
    )

    rfq_id: Mapped[Key]
    supplier_id: Mapped[Key]
    invited_at: Mapped[datetime | None]
    declined_at: Mapped[datetime | None]
    decline_reason: Mapped[Words | None]
    reminded_at: Mapped[datetime | None]
    viewed_at: Mapped[datetime | None]
    """When the supplier's page was first opened."""
    link_serial: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """Part of the signed link: raising it makes older links void."""
    rfq: Mapped[Rfq] = relationship(back_populates="invitations")
    supplier: Mapped[Supplier] = relationship(primaryjoin="foreign(RfqInvitation.supplier_id) == Supplier.id")

    def __str__(self) -> str:
        return str(self.supplier)
