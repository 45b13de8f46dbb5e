"""Reads of requests: who was invited, who answered, and whether bids are still accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.erp.quotes.models import Quote, QuoteStatus
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqLine, RfqStatus
from dashboard.erp.suppliers.models import Supplier

ANSWERED = (QuoteStatus.SUBMITTED, QuoteStatus.SHORTLISTED, QuoteStatus.AWARDED, QuoteStatus.REJECTED)
BIDDING = frozenset({RfqStatus.SENT, RfqStatus.QUOTED})


@dataclass(frozen=True)
class Invited:
    """An invitation with its supplier and the quote that answers it, if any."""

    invitation: RfqInvitation
    supplier: Supplier
    quote: Quote | None

    @property
    def state(self) -> str:
        """Where the answer stands, in one word."""
        if self.quote is not None and self.quote.status != QuoteStatus.DRAFT:
            return str(self.quote.status)
        if self.invitation.declined_at:
            return "declined"
        if self.quote is not None:
            return "draft"
        if self.invitation.viewed_at:
            return "seen"
        return "invited" if self.invitation.invited_at else "planned"


def list_invited(session: Session, rfq_id: int) -> list[Invited]:
    """Everybody invited to a request, by name."""
    query = (
        select(RfqInvitation, Supplier, Quote)
        .join(Supplier, Supplier.id == RfqInvitation.supplier_id)
        .outerjoin(
            Quote,
            (Quote.rfq_id == RfqInvitation.rfq_id)
            & (Quote.supplier_id == RfqInvitation.supplier_id)
            & Quote.deleted_at.is_(None),
        )
        .where(RfqInvitation.rfq_id == rfq_id)
        .order_by(Supplier.name, Supplier.id)
    )
    return [Invited(invitation, supplier, quote) for invitation, supplier, quote in session.execute(query)]


def suppliers_of(session: Session, rfq_id: int) -> Sequence[Supplier]:
    """The invited suppliers by name."""
    query = (
        select(Supplier)
        .join(RfqInvitation, RfqInvitation.supplier_id == Supplier.id)
        .where(RfqInvitation.rfq_id == rfq_id)
        .order_by(Supplier.name, Supplier.id)
    )
    return session.scalars(query).all()


def count_lines(session: Session, rfq_id: int) -> int:
    """How many lines are asked for."""
    return session.scalar(select(func.count()).where(RfqLine.rfq_id == rfq_id)) or 0


def count_bids(session: Session, rfq_id: int) -> int:
    """How many quotes have been submitted."""
    query = select(func.count()).where(
        Quote.rfq_id == rfq_id, Quote.status.in_(ANSWERED), Quote.deleted_at.is_(None)
    )
    return session.scalar(query) or 0


def why_no_bids(session: Session, rfq: Rfq, now: datetime | None = None) -> str:
    """Why no quote is accepted now; empty: bidding is open. The database's clock decides."""
    if rfq.deleted_at or rfq.status not in BIDDING:
        return f"The RFQ is {rfq.status}." if not rfq.deleted_at else "The RFQ is deleted."
    if rfq.early_close_reason:
        return "Bidding was closed early."
    if rfq.deadline is None or rfq.deadline <= (now or seals.clock(session)):
        return "The deadline has passed."
    return ""


def recipients(rfq: Rfq) -> list[str]:
    """Who is told about a request: its buyer, else whoever made it."""
    addresses = [rfq.buyer.email] if rfq.buyer else [rfq.created_by or ""]
    return [address for address in addresses if "@" in address]
