"""Owns supplier invoices and their lines."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Computed, FetchedValue, Index, UniqueConstraint, text
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
    percent,
    positive,
    refers,
    sort_index,
    trigrams,
    unique_external,
    unique_live,
)
from dashboard.erp.organizations.models import Organization
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine
from dashboard.erp.suppliers.models import Supplier


class InvoiceStatus(StrEnum):
    """Where an invoice stands: entered, matched or not, released for payment, paid, void."""

    DRAFT = "draft"
    MATCHED = "matched"
    MISMATCHED = "mismatched"
    APPROVED = "approved"
    PAID = "paid"
    VOID = "void"


class SupplierInvoice(Record, Owned, Restorable, Custom, Imported, TenantModel):
    """What a supplier asks to be paid for an order. `number` is the supplier's; a trigger keeps `total`."""

    __tablename__ = "supplier_invoice"
    __table_args__ = (
        org_key(),
        refers("supplier_id", "supplier"),
        refers("order_id", "purchase_order"),
        *not_blank("number"),
        one_of("status", InvoiceStatus),
        iso_currency(),
        *not_negative("total", "freight", "tax"),
        check("due_on_after_invoice", "due_on >= invoiced_on"),
        *json_object("custom_fields"),
        unique_live("supplier_invoice", "supplier_id", "number"),
        unique_external("supplier_invoice"),
        Index("ix_supplier_invoice_supplier_id", "supplier_id"),
        Index("ix_supplier_invoice_order_id", "order_id"),
        sort_index("supplier_invoice", "status"),
        sort_index("supplier_invoice", "invoiced_on"),
        sort_index("supplier_invoice", "created_at"),
        trigrams("supplier_invoice", "number"),
    )

    number: Mapped[Words]
    supplier_id: Mapped[Key]
    order_id: Mapped[Key]
    status: Mapped[str] = choice(InvoiceStatus, InvoiceStatus.DRAFT)
    invoiced_on: Mapped[date]
    due_on: Mapped[date | None]
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    freight: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    tax: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    total: Mapped[Money] = mapped_column(server_default=text("0"), server_onupdate=FetchedValue())
    """Sum of the lines; freight and tax come on top."""
    matched_at: Mapped[datetime | None]
    release_reason: Mapped[Words | None]
    """Why it was released although it did not match."""
    organization: Mapped[Organization] = relationship()
    supplier: Mapped[Supplier] = relationship(
        primaryjoin="foreign(SupplierInvoice.supplier_id) == Supplier.id"
    )
    order: Mapped[PurchaseOrder] = relationship(
        primaryjoin="foreign(SupplierInvoice.order_id) == PurchaseOrder.id"
    )
    lines: Mapped[list["InvoiceLine"]] = relationship(
        back_populates="invoice",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="InvoiceLine.id",
    )

    def __str__(self) -> str:
        return label(self.number, self.supplier)


class InvoiceLine(Record, Part, TenantModel):
    """What is charged for one line of the order."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        refers("invoice_id", "supplier_invoice", ondelete="CASCADE"),
        refers("order_line_id", "purchase_order_line"),
        UniqueConstraint("invoice_id", "order_line_id"),
        *positive("quantity"),
        *not_negative("unit_price"),
        *percent("tax_percent"),
        Index("ix_invoice_line_order_line_id", "order_line_id"),
    )

    invoice_id: Mapped[Key]
    order_line_id: Mapped[Key]
    quantity: Mapped[Quantity]
    unit_price: Mapped[Money]
    tax_percent: Mapped[Percent] = mapped_column(default=Decimal(0), server_default=text("0"))
    amount: Mapped[Money] = mapped_column(Computed("round(quantity * unit_price, 4)", persisted=True))
    invoice: Mapped[SupplierInvoice] = relationship(back_populates="lines")
    order_line: Mapped[PurchaseOrderLine] = relationship(
        primaryjoin="foreign(InvoiceLine.order_line_id) == PurchaseOrderLine.id"
    )

    def __str__(self) -> str:
        return str(self.order_line)
