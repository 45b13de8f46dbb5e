"""Reads of quotes: their lines as they stand, what is still unanswered, and their revisions."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.quotes.models import Quote, QuoteLine, QuoteRevision
from dashboard.erp.sourcing.models import RfqLine


def is_priced(line: QuoteLine) -> bool:
    """Whether a line has a price, open or sealed."""
    return line.unit_price is not None or line.sealed_price_at is not None


def list_lines(session: Session, quote_id: int) -> Sequence[QuoteLine]:
    """The lines of a quote as stored now."""
    query = select(QuoteLine).where(QuoteLine.quote_id == quote_id).order_by(QuoteLine.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def find_quote(session: Session, rfq_id: int, supplier_id: int) -> Quote | None:
    """The live quote of a supplier on a request."""
    return session.scalar(
        select(Quote).where(
            Quote.rfq_id == rfq_id, Quote.supplier_id == supplier_id, Quote.deleted_at.is_(None)
        )
    )


def list_revisions(session: Session, quote_id: int) -> Sequence[QuoteRevision]:
    """Earlier revisions, the newest first."""
    query = select(QuoteRevision).where(QuoteRevision.quote_id == quote_id)
    return session.scalars(query.order_by(QuoteRevision.revision.desc())).all()


def list_rfq_lines(session: Session, rfq_id: int) -> Sequence[RfqLine]:
    """What is asked for, in order."""
    query = select(RfqLine).where(RfqLine.rfq_id == rfq_id).order_by(RfqLine.position, RfqLine.id)
    return session.scalars(query).all()
