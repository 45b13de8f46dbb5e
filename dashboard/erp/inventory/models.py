"""Owns warehouses, append-only stock moves, and the balances that a trigger adds up from them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    Created,
    Key,
    Money,
    Owned,
    Quantity,
    Record,
    Restorable,
    Words,
    check,
    choice,
    iso_country,
    label,
    not_blank,
    not_negative,
    one_of,
    org_key,
    refers,
    sort_index,
    trigrams,
    unique_live,
)
from dashboard.erp.catalog.models import Product
from dashboard.erp.organizations.models import Organization


class MoveSource(StrEnum):
    """Why stock moved."""

    OPENING = "opening"
    RECEIPT = "receipt"
    SHIPMENT = "shipment"
    ADJUSTMENT = "adjustment"
    TRANSFER = "transfer"


class Warehouse(Record, Owned, Restorable, TenantModel):
    """A place where stock lies."""

    __tablename__ = "warehouse"
    __table_args__ = (
        org_key(),
        *not_blank("code", "name"),
        iso_country(),
        unique_live("warehouse", "org_id", "code"),
        sort_index("warehouse", "name"),
        trigrams("warehouse", "name", "code"),
    )

    code: Mapped[Words]
    name: Mapped[Words]
    city: Mapped[Words | None]
    country: Mapped[Words | None]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    organization: Mapped[Organization] = relationship()

    def __str__(self) -> str:
        return label(self.code, self.name)


class StockMove(Created, Owned, TenantModel):
    """A quantity that came (+) or went (-). It is never changed: a mistake is moved back."""

    __tablename__ = "stock_move"
    __table_args__ = (
        refers("product_id", "product"),
        refers("warehouse_id", "warehouse"),
        check("quantity_not_zero", "quantity <> 0"),
        *not_negative("unit_cost"),
        one_of("source", MoveSource),
        Index("ix_stock_move_org_id", "org_id"),
        Index("ix_stock_move_product_id", "product_id", "warehouse_id"),
        Index("ix_stock_move_warehouse_id", "warehouse_id"),
        sort_index("stock_move", "moved_at", live=False),
        trigrams("stock_move", "reference"),
    )

    product_id: Mapped[Key]
    warehouse_id: Mapped[Key]
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())
    quantity: Mapped[Quantity]
    unit_cost: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    source: Mapped[str] = choice(MoveSource, MoveSource.ADJUSTMENT)
    reference: Mapped[Words | None]
    organization: Mapped[Organization] = relationship()
    product: Mapped[Product] = relationship(primaryjoin="foreign(StockMove.product_id) == Product.id")
    warehouse: Mapped[Warehouse] = relationship(primaryjoin="foreign(StockMove.warehouse_id) == Warehouse.id")

    def __str__(self) -> str:
        quantity = format(self.quantity.normalize(), "+f") if self.quantity is not None else ""
        return label(quantity, self.product, self.warehouse)


class StockBalance(Created, Owned, TenantModel):
    """What lies where, with its moving average cost. Written by the trigger on moves alone."""

    __tablename__ = "stock_balance"
    __table_args__ = (
        refers("product_id", "product"),
        refers("warehouse_id", "warehouse"),
        UniqueConstraint("org_id", "product_id", "warehouse_id"),
        *not_negative("quantity", "average_cost"),
        Index("ix_stock_balance_product_id", "product_id"),
        Index("ix_stock_balance_warehouse_id", "warehouse_id"),
    )

    product_id: Mapped[Key]
    warehouse_id: Mapped[Key]
    quantity: Mapped[Quantity] = mapped_column(server_default=text("0"))
    average_cost: Mapped[Money] = mapped_column(server_default=text("0"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    product: Mapped[Product] = relationship(primaryjoin="foreign(StockBalance.product_id) == Product.id")
    warehouse: Mapped[Warehouse] = relationship(
        primaryjoin="foreign(StockBalance.warehouse_id) == Warehouse.id"
    )

    def __str__(self) -> str:
        return label(self.product, self.warehouse)
