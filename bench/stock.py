"""Stock Flask-Admin over copies of the same tables: plain ModelViews, no login, no tenant, no history."""

import os
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask
from flask_admin.base import Admin
from flask_admin.contrib.sqla.view import ModelView
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, ForeignKey, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The tables of the schema `stock`."""

    type_annotation_map = {datetime: DateTime(timezone=True), Decimal: Numeric(18, 4), dict[str, Any]: JSONB}  # noqa: RUF012  # SQLAlchemy's own form


class Organization(Base):
    """Who owns the rows."""

    __tablename__ = "organization"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


class ProductCategory(Base):
    """What a supplier sells."""

    __tablename__ = "product_category"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


class Supplier(Base):
    """The columns of our supplier that a form shows, and the lock."""

    __tablename__ = "supplier"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    version: Mapped[int]
    code: Mapped[str | None]
    name: Mapped[str]
    tax_id: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    website: Mapped[str | None]
    category_id: Mapped[int | None] = mapped_column(ForeignKey("product_category.id"))
    region: Mapped[str | None]
    country: Mapped[str | None]
    status: Mapped[str]
    reliability: Mapped[Decimal | None]
    score_n: Mapped[int]
    lead_time_days: Mapped[int | None]
    payment_days: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    organization: Mapped[Organization] = relationship()
    category: Mapped[ProductCategory | None] = relationship()

    def __str__(self) -> str:
        return self.name


class Rfq(Base):
    """What a quote answers."""

    __tablename__ = "rfq"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[str | None]
    title: Mapped[str]

    def __str__(self) -> str:
        return f"{self.number} · {self.title}"


class Quote(Base):
    """The columns of our quote."""

    __tablename__ = "quote"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    rfq_id: Mapped[int] = mapped_column(ForeignKey("rfq.id"))
    supplier_id: Mapped[int] = mapped_column(ForeignKey("supplier.id"))
    reference: Mapped[str | None]
    status: Mapped[str]
    currency: Mapped[str]
    total: Mapped[Decimal]
    lead_time_days: Mapped[int | None]
    valid_until: Mapped[date | None]
    submitted_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    rfq: Mapped[Rfq] = relationship()
    supplier: Mapped[Supplier] = relationship()


class SupplierView(ModelView):
    """List and form of suppliers. Its pickers load every choice at once."""

    page_size = 50
    can_export = True
    export_max_rows = 0
    column_list = os.environ.get(
        "BENCH_COLUMNS", "name,code,category,region,country,status,reliability,lead_time_days"
    ).split(",")
    column_searchable_list = ("name", "code", "email")
    column_filters = ("region", "country", "status", "reliability")
    column_sortable_list = ("name", "code", "region", "country", "status", "reliability", "lead_time_days")
    named_filter_urls = True
    column_default_sort = "name"
    form_excluded_columns = ("version", "created_at", "updated_at")


class QuoteView(ModelView):
    """List of quotes with the names of RFQ and supplier, loaded by a join."""

    page_size = 50
    column_list = ("rfq", "supplier", "status", "currency", "total", "lead_time_days", "valid_until")
    column_select_related_list = (Quote.rfq, Quote.supplier)  # type: ignore[assignment]  # strings fail
    column_default_sort = ("id", True)


def create_app() -> Flask:
    """Build the app; BENCH_DATABASE_URL leads to the database."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "bench-of-stock-flask-admin"
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE_URL"]
    options = {
        "connect_args": {"options": "-c search_path=stock,public"},
        "pool_size": 8,
        "pool_pre_ping": True,
    }
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    database = SQLAlchemy()
    database.init_app(app)
    admin = Admin(app, name="Stock")
    admin.add_view(SupplierView(Supplier, database, endpoint="supplier"))
    admin.add_view(QuoteView(Quote, database, endpoint="quote"))
    return app
