"""Reads of seals: when the bids of a request open."""

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.erp.sealing.models import RfqSeal


def opening_of(session: Session, rfq_id: int) -> datetime | None:
    """When the bids of a sealed request open or opened (UTC); None for one that is not sealed."""
    return session.scalar(select(RfqSeal.opens_at).where(RfqSeal.rfq_id == rfq_id))


def is_closed(session: Session, rfq_id: int) -> bool:
    """Whether prices of the request cannot be read yet, by the database's clock."""
    query = select(RfqSeal.rfq_id).where(RfqSeal.rfq_id == rfq_id, RfqSeal.opens_at > func.clock_timestamp())
    return session.scalar(query) is not None


def clock(session: Session) -> datetime:
    """The database's time, which alone decides about deadlines (UTC)."""
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now.astimezone(UTC)
