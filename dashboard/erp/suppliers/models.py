"""Owns suppliers and the people to reach there."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    LIVE,
    Custom,
    Imported,
    Json,
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
    email,
    iso_country,
    iso_currency,
    json_index,
    json_object,
    label,
    not_blank,
    not_negative,
    one_of,
    org_key,
    percent,
    positive,
    refers,
    sort_index,
    trigrams,
    unique_external,
    unique_live,
)
from dashboard.erp.catalog.models import Product, ProductCategory
from dashboard.erp.organizations.models import Organization


class SupplierStatus(StrEnum):
    """Whether we buy there."""

    PROSPECT = "prospect"
    ACTIVE = "active"
    BLOCKED = "blocked"
    INACTIVE = "inactive"


class Supplier(Record, Owned, Restorable, Custom, Imported, TenantModel):
    """A company that quotes and delivers. `reliability` is 0 to 100, empty before anything was observed."""

    __tablename__ = "supplier"
    __table_args__ = (
        org_key(),
        refers("category_id", "product_category"),
        *not_blank("name", "code"),
        email(),
        iso_country(),
        one_of("status", SupplierStatus),
        *percent("reliability"),
        *not_negative("score_n", "lead_time_days", "payment_days"),
        *json_object("capabilities", "custom_fields"),
        unique_live("supplier", "org_id", "code"),
        unique_external("supplier"),
        Index("ix_supplier_category_id", "category_id"),
        Index(
            "ix_supplier_reliability",
            text("reliability DESC NULLS LAST"),
            "name",
            "id",
            postgresql_where=LIVE,
        ),
        sort_index("supplier", "name"),
        sort_index("supplier", "region"),
        sort_index("supplier", "region", "name"),  # the usual filter in the usual order
        sort_index("supplier", "created_at"),
        json_index("supplier", "capabilities"),
        trigrams("supplier", "name", "code", "email"),
    )

    code: Mapped[Words | None]
    name: Mapped[Words]
    tax_id: Mapped[Words | None]
    email: Mapped[Words | None]
    phone: Mapped[Words | None]
    website: Mapped[Words | None]
    address: Mapped[Words | None]
    category_id: Mapped[Key | None]
    region: Mapped[Words | None]
    country: Mapped[Words | None]
    status: Mapped[str] = choice(SupplierStatus, SupplierStatus.ACTIVE)
    capabilities: Mapped[Json]
    reliability: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    score_n: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    lead_time_days: Mapped[int | None]
    payment_days: Mapped[int | None]
    organization: Mapped[Organization] = relationship()
    category: Mapped[ProductCategory | None] = relationship(
        primaryjoin="foreign(Supplier.category_id) == ProductCategory.id"
    )
    contacts: Mapped[list["SupplierContact"]] = relationship(
        back_populates="supplier",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="(SupplierContact.position, SupplierContact.id)",
    )

    def __str__(self) -> str:
        return self.name


class SupplierContact(Record, Part, TenantModel):
    """A person at a supplier; at most one is the first to call."""

    __tablename__ = "supplier_contact"
    __table_args__ = (
        refers("supplier_id", "supplier", ondelete="CASCADE"),
        *not_blank("name"),
        email(),
        Index("ix_supplier_contact_supplier_id", "supplier_id"),
        trigrams("supplier_contact", "name", "email"),
        Index(
            "uq_supplier_contact_is_primary",
            "supplier_id",
            unique=True,
            postgresql_where=text("is_primary"),
        ),
    )

    supplier_id: Mapped[Key]
    position: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    name: Mapped[Words]
    role: Mapped[Words | None]
    email: Mapped[Words | None]
    phone: Mapped[Words | None]
    is_primary: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    supplier: Mapped[Supplier] = relationship(back_populates="contacts")

    def __str__(self) -> str:
        return label(self.name, self.role)


class SupplierCertificate(Record, Part, TenantModel):
    """A proof a supplier holds, such as ISO 9001, and until when."""

    __tablename__ = "supplier_certificate"
    __table_args__ = (
        refers("supplier_id", "supplier", ondelete="CASCADE"),
        *not_blank("name"),
        check("expires_on_after_issue", "expires_on >= issued_on"),
        Index("ix_supplier_certificate_supplier_id", "supplier_id"),
        sort_index("supplier_certificate", "expires_on", live=False),
    )

    supplier_id: Mapped[Key]
    name: Mapped[Words]
    number: Mapped[Words | None]
    issuer: Mapped[Words | None]
    issued_on: Mapped[date | None]
    expires_on: Mapped[date | None]
    supplier: Mapped[Supplier] = relationship(
        primaryjoin="foreign(SupplierCertificate.supplier_id) == Supplier.id"
    )

    def __str__(self) -> str:
        return label(self.name, self.number)


class SupplierProduct(Record, Part, TenantModel):
    """What a supplier sells us of a product from a quantity on; further rows are its price breaks."""

    __tablename__ = "supplier_product"
    __table_args__ = (
        refers("supplier_id", "supplier", ondelete="CASCADE"),
        refers("product_id", "product"),
        UniqueConstraint(
            "supplier_id", "product_id", "from_quantity", "currency", name="uq_supplier_product_break"
        ),
        iso_currency(),
        *positive("from_quantity"),
        *not_negative("unit_price", "lead_days"),
        Index("ix_supplier_product_product_id", "product_id"),
    )

    supplier_id: Mapped[Key]
    product_id: Mapped[Key]
    supplier_sku: Mapped[Words | None]
    from_quantity: Mapped[Quantity] = mapped_column(default=Decimal(1), server_default=text("1"))
    unit_price: Mapped[Money]
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    lead_days: Mapped[int | None]
    valid_until: Mapped[date | None]
    supplier: Mapped[Supplier] = relationship(
        primaryjoin="foreign(SupplierProduct.supplier_id) == Supplier.id"
    )
    product: Mapped[Product] = relationship(primaryjoin="foreign(SupplierProduct.product_id) == Product.id")

    def __str__(self) -> str:
        return label(self.product, self.supplier_sku)


class SupplierPair(Part, TenantModel):
    """Two suppliers that look like one; `dismissed_at` remembers that somebody said they are not.

    `evidence` is a list of what speaks for it, as `{"kind", "text", "points"}`; `score` is 0 to 100.
    """

    __tablename__ = "supplier_pair"
    __table_args__ = (
        refers("first_id", "supplier", ondelete="CASCADE"),
        refers("second_id", "supplier", ondelete="CASCADE"),
        UniqueConstraint("first_id", "second_id"),
        check("first_id_before_second", "first_id < second_id"),
        *percent("score"),
        Index("ix_supplier_pair_second_id", "second_id"),
        Index(
            "ix_supplier_pair_score",
            text("score DESC"),
            "id",
            postgresql_where=text("dismissed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-10)
    first_id: Mapped[Key]
    second_id: Mapped[Key]
    score: Mapped[int]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    dismissed_at: Mapped[datetime | None]
    dismissed_by: Mapped[Words | None]

    def __str__(self) -> str:
        return f"#{self.first_id} and #{self.second_id}"
