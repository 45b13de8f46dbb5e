"""Owns the openings of sealed requests and the prices kept until then.

Both tables belong to the role `steward_sealer`, which nobody is a member of. Rows come in through its
functions `seal_rfq`, `extend_seal` and `submit_price`; a policy shows a price only once its opening time has
passed.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import ACTOR, Key, Money, not_negative, refers


class RfqSeal(TenantModel):
    """When the bids of a sealed request open. The time can be put off, never brought forward."""

    __tablename__ = "rfq_seal"
    __table_args__ = (refers("rfq_id", "rfq", ondelete="CASCADE"),)

    rfq_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    org_id: Mapped[Key]
    opens_at: Mapped[datetime]
    sealed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class QuotePrice(TenantModel):
    """A price somebody submitted under seal; the newest of a line is the bid. Rows are never changed."""

    __tablename__ = "quote_price"
    __table_args__ = (
        # deferred: the price is put away before its line exists
        ForeignKeyConstraint(
            ["quote_line_id"], ["quote_line.id"], ondelete="CASCADE", deferrable=True, initially="DEFERRED"
        ),
        refers("rfq_id", "rfq", ondelete="CASCADE"),
        *not_negative("unit_price"),
        Index("ix_quote_price_quote_line_id", "quote_line_id", text("id DESC")),
        Index("ix_quote_price_rfq_id", "rfq_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[Key]
    rfq_id: Mapped[Key]
    quote_line_id: Mapped[Key]
    unit_price: Mapped[Money]
    submitted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    submitted_by: Mapped[str | None] = mapped_column(Text, server_default=text(ACTOR))
