"""Owns awards; a trigger keeps their sum within the line's quantity."""

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import Key, Part, Quantity, Record, Words, not_blank, org_key, positive, refers
from dashboard.erp.quotes.models import QuoteLine
from dashboard.erp.sourcing.models import RfqLine


class Award(Record, Part, TenantModel):
    """A quantity of a request's line given to one bid. Not the lowest landed cost needs a `reason`."""

    __tablename__ = "award"
    __table_args__ = (
        org_key(),
        refers("rfq_line_id", "rfq_line"),
        refers("quote_line_id", "quote_line"),
        UniqueConstraint("rfq_line_id", "quote_line_id"),
        *positive("quantity"),
        *not_blank("reason"),
        Index("ix_award_quote_line_id", "quote_line_id"),
    )

    rfq_line_id: Mapped[Key]
    quote_line_id: Mapped[Key]
    quantity: Mapped[Quantity]
    reason: Mapped[Words | None]
    rfq_line: Mapped[RfqLine] = relationship(primaryjoin="foreign(Award.rfq_line_id) == RfqLine.id")
    quote_line: Mapped[QuoteLine] = relationship(primaryjoin="foreign(Award.quote_line_id) == QuoteLine.id")

    def __str__(self) -> str:
        return str(self.rfq_line)
