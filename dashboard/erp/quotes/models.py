"""Owns quotes and their lines."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Computed, FetchedValue, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    Created,
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
    iso_currency,
    json_object,
    not_negative,
    one_of,
    org_key,
    positive,
    refers,
    sort_index,
    trigrams,
    unique_external,
    unique_live,
)
from dashboard.erp.organizations.models import Organization
from dashboard.erp.sourcing.models import Rfq, RfqLine
from dashboard.erp.suppliers.models import Supplier


class QuoteStatus(StrEnum):
    """Where an offer stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    SHORTLISTED = "shortlisted"
    AWARDED = "awarded"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Quote(Record, Owned, Restorable, Custom, Imported, TenantModel):
    """A supplier's offer on an RFQ, one per pair. A trigger keeps `total`, the sum of its lines."""

    __tablename__ = "quote"
    __table_args__ = (
        org_key(),
        refers("rfq_id", "rfq"),
        refers("supplier_id", "supplier"),
        one_of("status", QuoteStatus),
        iso_currency(),
        check("incoterm_shape", "incoterm ~ '^[A-Z]{3}$'"),
        *not_negative("total", "freight", "duty", "lead_time_days"),
        *positive("revision"),
        *json_object("custom_fields"),
        unique_live("quote", "rfq_id", "supplier_id"),
        unique_external("quote"),
        Index("ix_quote_supplier_id", "supplier_id"),
        Index("ix_quote_rfq_id", "rfq_id"),
        sort_index("quote", "status"),
        sort_index("quote", "total"),
        sort_index("quote", "lead_time_days"),
        sort_index("quote", "created_at"),
        trigrams("quote", "reference"),
    )

    rfq_id: Mapped[Key]
    supplier_id: Mapped[Key]
    reference: Mapped[Words | None]
    status: Mapped[str] = choice(QuoteStatus, QuoteStatus.DRAFT)
    currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    total: Mapped[Money | None] = mapped_column(server_default=text("0"), server_onupdate=FetchedValue())
    """Sum of the lines; empty while a price is missing or sealed."""
    freight: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    duty: Mapped[Money] = mapped_column(default=Decimal(0), server_default=text("0"))
    lead_time_days: Mapped[int | None]
    valid_until: Mapped[date | None]
    incoterm: Mapped[Words | None]
    revision: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    submitted_at: Mapped[datetime | None]
    note: Mapped[Words | None]
    from_supplier: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether it came in on the supplier's own page."""
    organization: Mapped[Organization] = relationship()
    rfq: Mapped[Rfq] = relationship(primaryjoin="foreign(Quote.rfq_id) == Rfq.id")
    supplier: Mapped[Supplier] = relationship(primaryjoin="foreign(Quote.supplier_id) == Supplier.id")
    lines: Mapped[list["QuoteLine"]] = relationship(
        back_populates="quote",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="QuoteLine.id",
    )

    def __str__(self) -> str:
        return f"Quote of {self.supplier} for {self.rfq and (self.rfq.number or self.rfq.title)}"


class QuoteLine(Record, Part, TenantModel):
    """The offer on one line of the request; `no_bid` says that there is none."""

    __tablename__ = "quote_line"
    __table_args__ = (
        org_key(),
        refers("quote_id", "quote", ondelete="CASCADE"),
        refers("rfq_line_id", "rfq_line"),
        UniqueConstraint("quote_id", "rfq_line_id"),
        *positive("quantity"),
        *not_negative("unit_price", "lead_days"),
        Index("ix_quote_line_rfq_line_id", "rfq_line_id"),
    )

    quote_id: Mapped[Key]
    rfq_line_id: Mapped[Key]
    quantity: Mapped[Quantity]
    unit_price: Mapped[Money | None]
    """Empty: not priced yet, or sealed (a trigger puts the price away, see `quote_price`)."""
    sealed_price_at: Mapped[datetime | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    """When a price was last put away under seal; the trigger sets it, so that the row tells there is one."""
    no_bid: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    lead_days: Mapped[int | None]
    note: Mapped[Words | None]
    amount: Mapped[Money | None] = mapped_column(
        Computed("CASE WHEN no_bid THEN 0::numeric ELSE round(quantity * unit_price, 4) END", persisted=True)
    )
    quote: Mapped[Quote] = relationship(back_populates="lines")
    rfq_line: Mapped[RfqLine] = relationship(primaryjoin="foreign(QuoteLine.rfq_line_id) == RfqLine.id")

    def __str__(self) -> str:
        return str(self.rfq_line)


class QuoteRevision(Created, Part, TenantModel):
    """A quote with its lines as it stood when the next revision began; sealed prices are not in it."""

    __tablename__ = "quote_revision"
    __table_args__ = (
        refers("quote_id", "quote", ondelete="CASCADE"),
        UniqueConstraint("quote_id", "revision"),
        *positive("revision"),
        *json_object("snapshot"),
    )

    quote_id: Mapped[Key]
    revision: Mapped[int]
    snapshot: Mapped[Json]

    def __str__(self) -> str:
        return f"Revision {self.revision}"
