"""Owns telling the suppliers who got nothing of a request; each is told once."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.messages.models import Direction, Message
from dashboard.erp.quotes.models import Quote, QuoteStatus
from dashboard.erp.sourcing import mails
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.suppliers.models import Supplier


def tell_losers(session: Session, rfq: Rfq) -> int:
    """Write to every supplier whose quote was rejected and who was not told yet; returns to how many."""
    subject = mails.SUBJECTS[mails.NOT_AWARDED].partition("{")[0]
    told = select(Message.id).where(
        Message.rfq_id == rfq.id,
        Message.supplier_id == Supplier.id,
        Message.direction == Direction.OUTBOUND,
        Message.subject.startswith(subject),
        Message.deleted_at.is_(None),
    )
    untold = (
        select(Supplier)
        .join(Quote, Quote.supplier_id == Supplier.id)
        .where(
            Quote.rfq_id == rfq.id,
            Quote.status == QuoteStatus.REJECTED,
            Quote.deleted_at.is_(None),
            Supplier.deleted_at.is_(None),
            ~told.exists(),
        )
        .order_by(Supplier.name, Supplier.id)
    )
    suppliers = list(session.scalars(untold))
    for supplier in suppliers:
        mails.write(session, rfq, supplier, mails.NOT_AWARDED)
    return len(suppliers)
