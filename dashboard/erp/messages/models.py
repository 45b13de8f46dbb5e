"""Owns messages exchanged with suppliers."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    Imported,
    Key,
    Owned,
    Record,
    Restorable,
    Words,
    check,
    choice,
    not_blank,
    one_of,
    org_key,
    refers,
    sort_index,
    trigrams,
    unique_external,
)
from dashboard.erp.organizations.models import Organization
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.suppliers.models import Supplier


class Direction(StrEnum):
    """Who wrote: the supplier (inbound) or we (outbound)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Message(Record, Owned, Restorable, Imported, TenantModel):
    """One message with a supplier, perhaps about an RFQ."""

    __tablename__ = "message"
    __table_args__ = (
        org_key(),
        refers("supplier_id", "supplier"),
        refers("rfq_id", "rfq"),
        refers("order_id", "purchase_order"),
        *not_blank("body"),
        one_of("direction", Direction),
        check("read_at_after_sent", "read_at >= sent_at"),
        unique_external("message"),
        Index("ix_message_supplier_id", "supplier_id"),
        Index("ix_message_rfq_id", "rfq_id"),
        Index("ix_message_order_id", "order_id"),
        sort_index("message", "sent_at"),
        trigrams("message", "subject", "body"),
    )

    supplier_id: Mapped[Key]
    rfq_id: Mapped[Key | None]
    direction: Mapped[str] = choice(Direction, Direction.OUTBOUND)
    subject: Mapped[Words | None]
    body: Mapped[Words]
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime | None]
    order_id: Mapped[Key | None]
    address: Mapped[Words | None]
    """E-mail address it went to or came from; empty for one that was only noted down."""
    delivered_at: Mapped[datetime | None]
    delivery_error: Mapped[Words | None]
    organization: Mapped[Organization] = relationship()
    supplier: Mapped[Supplier] = relationship(primaryjoin="foreign(Message.supplier_id) == Supplier.id")
    rfq: Mapped[Rfq | None] = relationship(primaryjoin="foreign(Message.rfq_id) == Rfq.id")

    def __str__(self) -> str:
        words = self.subject or self.body or ""
        return words if len(words) <= 60 else f"{words[:59]}…"
