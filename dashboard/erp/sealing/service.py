"""Owns sealing, putting an opening off, and taking opened prices over into the quotes. Callers commit."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# Whoever is due: opened by time, with prices not yet taken over. A second call finds nothing to do.
DUE = text(
    "SELECT s.rfq_id FROM rfq_seal s WHERE s.opens_at <= clock_timestamp() AND EXISTS ("
    " SELECT FROM quote_price p JOIN quote_line l ON l.id = p.quote_line_id"
    " WHERE p.rfq_id = s.rfq_id AND l.unit_price IS NULL) ORDER BY s.rfq_id"
)


def seal(session: Session, rfq_id: int, opens_at: datetime) -> None:
    """Keep the prices of a request from everybody until `opens_at`. Raises DBAPIError for a past time."""
    session.execute(text("SELECT seal_rfq(:rfq, :at)"), {"rfq": rfq_id, "at": opens_at})


def put_off(session: Session, rfq_id: int, opens_at: datetime) -> None:
    """Open later. Raises DBAPIError for an earlier time, or once the bids are open."""
    session.execute(text("SELECT extend_seal(:rfq, :at)"), {"rfq": rfq_id, "at": opens_at})


def open_due(session: Session) -> list[int]:
    """Take over the prices of every request whose opening has come; returns their ids."""
    due = list(session.scalars(DUE))
    for rfq_id in due:
        session.execute(text("SELECT open_quotes(:rfq)"), {"rfq": rfq_id})
    return due
