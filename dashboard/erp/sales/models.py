"""Owns customers and sales orders."""

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
    Rate,
    Record,
    Restorable,
    Words,
    check,
    choice,
    email,
    iso_country,
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
from dashboard.erp.catalog.models import Product
from dashboard.erp.inventory.models import Warehouse
from dashboard.erp.organizations.models import Organization


class SalesOrderStatus(StrEnum):
    """Where an order stands."""

    DRAFT = "draft"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Customer(Record, Owned, Restorable, Custom, Imported, TenantModel):
    """Someone who buys from us."""

    __tablename__ = "customer"
    __table_args__ = (
        org_key(),
        *not_blank("name", "code"),
        email(),
        iso_country(),
        iso_currency(),
        *json_object("custom_fields"),
        unique_live("customer", "org_id", "code"),
        unique_external("customer"),
        sort_index("customer", "name"),
        sort_index("customer", "country"),
        trigrams("customer", "name", "code", "email"),
    )

    code: Mapped[Words | None]
    name: Mapped[Words]
    tax_id: Mapped[Words | None]
    email: Mapped[Words | None]
    phone: Mapped[Words | None]
    city: Mapped[Words | None]
    country: Mapped[Words | None]
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    organization: Mapped[Organization] = relationship()

    def __str__(self) -> str:
        return self.name


class SalesOrder(Record, Owned, Restorable, Custom, Imported, TenantModel):
    """An order of a customer. A trigger keeps `total`, the sum of the lines; freight comes on top."""

    __tablename__ = "sales_order"
    __table_args__ = (
        org_key(),
        UniqueConstraint("org_id", "number"),
        refers("customer_id", "customer"),
        refers("warehouse_id", "warehouse"),
        one_of("status", SalesOrderStatus),
        iso_currency(),
        *positive("fx_rate"),
        *not_negative("freight", "total"),
        check("deleted_at_unnumbered", "number IS NULL OR deleted_at IS NULL"),
        *json_object("custom_fields"),
        unique_external("sales_order"),
        Index("ix_sales_order_customer_id", "customer_id"),
        Index("ix_sales_order_warehouse_id", "warehouse_id"),
        sort_index("sales_order", "status"),
        sort_index("sales_order", "ordered_on"),
        sort_index("sales_order", "total"),
        sort_index("sales_order", "created_at"),
        trigrams("sales_order", "number", "customer_reference"),
    )

    number: Mapped[Words | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    customer_id: Mapped[Key]
    customer_reference: Mapped[Words | None]
    warehouse_id: Mapped[Key | None]
    status: Mapped[str] = choice(SalesOrderStatus, SalesOrderStatus.DRAFT)
    ordered_on: Mapped[date | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    promised_on: Mapped[date | None]
    shipped_at: Mapped[datetime | None]
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    fx_rate: Mapped[Rate] = mapped_column(default=Decimal(1), server_default=text("1"))
    freight: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    total: Mapped[Money] = mapped_column(server_default=text("0"), server_onupdate=FetchedValue())
    organization: Mapped[Organization] = relationship()
    customer: Mapped[Customer] = relationship(primaryjoin="foreign(SalesOrder.customer_id) == Customer.id")
    warehouse: Mapped[Warehouse | None] = relationship(
        primaryjoin="foreign(SalesOrder.warehouse_id) == Warehouse.id"
    )
    lines: Mapped[list["SalesOrderLine"]] = relationship(
        back_populates="order",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="(SalesOrderLine.position, SalesOrderLine.id)",
    )

    def __str__(self) -> str:
        return self.number or label("Draft order", self.customer)


class SalesOrderLine(Record, Part, TenantModel):
    """What is sold; `unit_cost` is the cost at shipment."""

    __tablename__ = "sales_order_line"
    __table_args__ = (
        refers("order_id", "sales_order", ondelete="CASCADE"),
        refers("product_id", "product"),
        check("description_or_product", "product_id IS NOT NULL OR btrim(description) <> ''"),
        *positive("quantity"),
        *not_negative("unit_price", "unit_cost"),
        *percent("discount_percent", "tax_percent"),
        Index("ix_sales_order_line_order_id", "order_id", "position", "id"),
        Index("ix_sales_order_line_product_id", "product_id"),
    )

    order_id: Mapped[Key]
    position: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    product_id: Mapped[Key | None]
    description: Mapped[Words | None]
    quantity: Mapped[Quantity]
    unit_price: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    discount_percent: Mapped[Percent] = mapped_column(default=Decimal(0), server_default=text("0"))
    tax_percent: Mapped[Percent] = mapped_column(default=Decimal(0), server_default=text("0"))
    unit_cost: Mapped[Money | None]
    amount: Mapped[Money] = mapped_column(
        Computed("round(quantity * unit_price * (1 - discount_percent / 100), 4)", persisted=True)
    )
    order: Mapped[SalesOrder] = relationship(back_populates="lines")
    product: Mapped[Product | None] = relationship(
        primaryjoin="foreign(SalesOrderLine.product_id) == Product.id"
    )

    def __str__(self) -> str:
        return self.description or str(self.product or f"Line {self.position}")
