"""Owns purchase orders, their lines, and what was received on them."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Computed, FetchedValue, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    Custom,
    Imported,
    Key,
    Money,
    Owned,
    Part,
    Percent,
    Quantity,
    Rate,
    Record,
    Restorable,
    Words,
    check,
    choice,
    iso_currency,
    json_object,
    label,
    not_negative,
    one_of,
    org_key,
    percent,
    positive,
    refers,
    sort_index,
    trigrams,
    unique_external,
)
from dashboard.erp.catalog.models import Product
from dashboard.erp.inventory.models import Warehouse
from dashboard.erp.organizations.models import AppUser, Organization
from dashboard.erp.quotes.models import Quote
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.suppliers.models import Supplier


class PurchaseOrderStatus(StrEnum):
    """Where an order stands."""

    DRAFT = "draft"
    TO_APPROVE = "to_approve"
    APPROVED = "approved"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    PART_RECEIVED = "part_received"
    RECEIVED = "received"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class PurchaseOrder(Record, Owned, Restorable, Custom, Imported, TenantModel):
    """An order to a supplier.

    A trigger keeps `total`, the sum of the lines; freight and duty come on top. `fx_rate` is the rate to the
    organization's base currency on the day of the order.
    """

    __tablename__ = "purchase_order"
    __table_args__ = (
        org_key(),
        UniqueConstraint("org_id", "number"),
        refers("supplier_id", "supplier"),
        refers("rfq_id", "rfq"),
        refers("quote_id", "quote"),
        refers("warehouse_id", "warehouse"),
        one_of("status", PurchaseOrderStatus),
        iso_currency(),
        *positive("fx_rate"),
        *not_negative("freight", "duty", "total"),
        check("deleted_at_unnumbered", "number IS NULL OR deleted_at IS NULL"),
        *json_object("custom_fields"),
        unique_external("purchase_order"),
        Index("ix_purchase_order_supplier_id", "supplier_id"),
        Index("ix_purchase_order_rfq_id", "rfq_id"),
        Index("ix_purchase_order_quote_id", "quote_id"),
        Index("ix_purchase_order_warehouse_id", "warehouse_id"),
        Index("ix_purchase_order_buyer_id", "buyer_id"),
        sort_index("purchase_order", "status"),
        sort_index("purchase_order", "ordered_on"),
        sort_index("purchase_order", "total"),
        sort_index("purchase_order", "created_at"),
        trigrams("purchase_order", "number"),
    )

    number: Mapped[Words | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    supplier_id: Mapped[Key]
    rfq_id: Mapped[Key | None]
    quote_id: Mapped[Key | None]
    warehouse_id: Mapped[Key | None]
    buyer_id: Mapped[Key | None] = mapped_column(ForeignKey("app_user.id"))
    status: Mapped[str] = choice(PurchaseOrderStatus, PurchaseOrderStatus.DRAFT)
    ordered_on: Mapped[date | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    fx_rate: Mapped[Rate] = mapped_column(default=Decimal(1), server_default=text("1"))
    freight: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    duty: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    total: Mapped[Money] = mapped_column(server_default=text("0"), server_onupdate=FetchedValue())
    note: Mapped[Words | None]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[Words | None]
    sent_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    cancel_reason: Mapped[Words | None]
    organization: Mapped[Organization] = relationship()
    supplier: Mapped[Supplier] = relationship(primaryjoin="foreign(PurchaseOrder.supplier_id) == Supplier.id")
    rfq: Mapped[Rfq | None] = relationship(primaryjoin="foreign(PurchaseOrder.rfq_id) == Rfq.id")
    quote: Mapped[Quote | None] = relationship(primaryjoin="foreign(PurchaseOrder.quote_id) == Quote.id")
    warehouse: Mapped[Warehouse | None] = relationship(
        primaryjoin="foreign(PurchaseOrder.warehouse_id) == Warehouse.id"
    )
    buyer: Mapped[AppUser | None] = relationship()
    lines: Mapped[list["PurchaseOrderLine"]] = relationship(
        back_populates="order",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="(PurchaseOrderLine.position, PurchaseOrderLine.id)",
    )

    def __str__(self) -> str:
        return self.number or label("Draft order", self.supplier)


class PurchaseOrderLine(Record, Part, TenantModel):
    """What is ordered, at which price, promised for when."""

    __tablename__ = "purchase_order_line"
    __table_args__ = (
        org_key(),
        refers("order_id", "purchase_order", ondelete="CASCADE"),
        refers("product_id", "product"),
        refers("award_id", "award"),
        check("description_or_product", "product_id IS NOT NULL OR btrim(description) <> ''"),
        *positive("quantity"),
        *not_negative("unit_price"),
        *percent("tax_percent"),
        Index("ix_purchase_order_line_order_id", "order_id", "position", "id"),
        Index("ix_purchase_order_line_product_id", "product_id"),
        Index("uq_purchase_order_line_award_id", "award_id", unique=True),
    )

    order_id: Mapped[Key]
    position: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    product_id: Mapped[Key | None]
    description: Mapped[Words | None]
    quantity: Mapped[Quantity]
    unit_price: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    tax_percent: Mapped[Percent] = mapped_column(default=Decimal(0), server_default=text("0"))
    promised_on: Mapped[date | None]
    award_id: Mapped[Key | None]
    amount: Mapped[Money] = mapped_column(Computed("round(quantity * unit_price, 4)", persisted=True))
    order: Mapped[PurchaseOrder] = relationship(back_populates="lines")
    product: Mapped[Product | None] = relationship(
        primaryjoin="foreign(PurchaseOrderLine.product_id) == Product.id"
    )

    def __str__(self) -> str:
        return self.description or str(self.product or f"Line {self.position}")


class Receipt(Record, Owned, TenantModel):
    """A delivery on an order."""

    __tablename__ = "receipt"
    __table_args__ = (
        org_key(),
        refers("order_id", "purchase_order"),
        refers("warehouse_id", "warehouse"),
        Index("ix_receipt_order_id", "order_id"),
        Index("ix_receipt_warehouse_id", "warehouse_id"),
        sort_index("receipt", "received_at", live=False),
        trigrams("receipt", "reference"),
    )

    order_id: Mapped[Key]
    warehouse_id: Mapped[Key | None]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reference: Mapped[Words | None]
    organization: Mapped[Organization] = relationship()
    order: Mapped[PurchaseOrder] = relationship(primaryjoin="foreign(Receipt.order_id) == PurchaseOrder.id")
    warehouse: Mapped[Warehouse | None] = relationship(
        primaryjoin="foreign(Receipt.warehouse_id) == Warehouse.id"
    )
    lines: Mapped[list["ReceiptLine"]] = relationship(
        back_populates="receipt",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="ReceiptLine.id",
    )

    def __str__(self) -> str:
        return label(self.order, self.reference)


class ReceiptLine(Record, Part, TenantModel):
    """How much of an order line came and how much of that was turned away."""

    __tablename__ = "receipt_line"
    __table_args__ = (
        refers("receipt_id", "receipt", ondelete="CASCADE"),
        refers("order_line_id", "purchase_order_line"),
        UniqueConstraint("receipt_id", "order_line_id"),
        *positive("received"),
        check("rejected_within_received", "rejected BETWEEN 0 AND received"),
        Index("ix_receipt_line_order_line_id", "order_line_id"),
    )

    receipt_id: Mapped[Key]
    order_line_id: Mapped[Key]
    received: Mapped[Quantity]
    rejected: Mapped[Quantity] = mapped_column(default=Decimal(0), server_default=text("0"))
    receipt: Mapped[Receipt] = relationship(back_populates="lines")
    order_line: Mapped[PurchaseOrderLine] = relationship(
        primaryjoin="foreign(ReceiptLine.order_line_id) == PurchaseOrderLine.id"
    )

    def __str__(self) -> str:
        return str(self.order_line)
