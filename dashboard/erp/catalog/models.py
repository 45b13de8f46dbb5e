"""Owns products, the tree of their categories, and units of measure."""

from decimal import Decimal

from sqlalchemy import FetchedValue, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    Custom,
    Key,
    Money,
    Owned,
    Quantity,
    Rate,
    Record,
    Restorable,
    Words,
    check,
    iso_currency,
    json_object,
    label,
    not_blank,
    not_negative,
    org_key,
    positive,
    refers,
    sort_index,
    trigrams,
    unique_live,
)
from dashboard.erp.organizations.models import Organization


class ProductCategory(Record, Owned, Restorable, TenantModel):
    """A kind of goods or services; a trigger keeps `path` and refuses circles."""

    __tablename__ = "product_category"
    __table_args__ = (
        org_key(),
        refers("parent_id", "product_category"),
        *not_blank("code", "name"),
        check("parent_id_not_itself", "parent_id <> id"),
        unique_live("product_category", "org_id", "code"),
        Index("ix_product_category_parent_id", "parent_id"),
        sort_index("product_category", "path"),
        trigrams("product_category", "name", "code"),
    )

    parent_id: Mapped[Key | None]
    code: Mapped[Words]
    name: Mapped[Words]
    path: Mapped[Words] = mapped_column(server_default=text("''"), server_onupdate=FetchedValue())
    organization: Mapped[Organization] = relationship()
    parent: Mapped["ProductCategory | None"] = relationship(
        primaryjoin="foreign(ProductCategory.parent_id) == remote(ProductCategory.id)"
    )

    def __str__(self) -> str:
        return self.path or self.name


class Unit(Record, Restorable, TenantModel):
    """A unit of measure; `factor` converts to the base unit of its dimension."""

    __tablename__ = "unit"
    __table_args__ = (
        *not_blank("code", "name", "dimension"),
        *positive("factor"),
        unique_live("unit", "code"),
        sort_index("unit", "name"),
    )

    code: Mapped[Words]
    name: Mapped[Words]
    dimension: Mapped[Words] = mapped_column(default="count", server_default="count")
    factor: Mapped[Rate] = mapped_column(default=Decimal(1), server_default=text("1"))

    def __str__(self) -> str:
        return self.code


class Product(Record, Owned, Restorable, Custom, TenantModel):
    """Something bought, stocked or sold."""

    __tablename__ = "product"
    __table_args__ = (
        org_key(),
        refers("category_id", "product_category"),
        *not_blank("sku", "name"),
        *not_negative("standard_cost", "price", "reorder_point"),
        *positive("min_order_qty"),
        iso_currency(),
        *json_object("custom_fields"),
        unique_live("product", "org_id", "sku"),
        Index("ix_product_category_id", "category_id"),
        Index("ix_product_unit_id", "unit_id"),
        sort_index("product", "name"),
        sort_index("product", "sku"),
        sort_index("product", "price"),
        trigrams("product", "name", "sku"),
    )

    sku: Mapped[Words]
    name: Mapped[Words] = mapped_column(info={"translatable": True})
    description: Mapped[Words | None] = mapped_column(info={"translatable": True})
    category_id: Mapped[Key | None]
    unit_id: Mapped[Key] = mapped_column(ForeignKey("unit.id"))
    standard_cost: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    price: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    reorder_point: Mapped[Quantity] = mapped_column(default=Decimal(0), server_default=text("0"))
    min_order_qty: Mapped[Quantity] = mapped_column(default=Decimal(1), server_default=text("1"))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    organization: Mapped[Organization] = relationship()
    category: Mapped[ProductCategory | None] = relationship(
        primaryjoin="foreign(Product.category_id) == ProductCategory.id"
    )
    unit: Mapped[Unit] = relationship()

    def __str__(self) -> str:
        return label(self.sku, self.name)
