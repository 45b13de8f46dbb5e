"""Owns revisions of quotes: the offer as it stood is kept before it changes. Callers commit."""

from typing import Any

from sqlalchemy.orm import Session

from dashboard.erp.quotes import queries
from dashboard.erp.quotes.models import Quote, QuoteLine, QuoteRevision

KEPT = (
    "reference",
    "status",
    "currency",
    "total",
    "freight",
    "duty",
    "lead_time_days",
    "valid_until",
    "incoterm",
    "note",
    "submitted_at",
)
KEPT_OF_LINE = ("rfq_line_id", "quantity", "unit_price", "no_bid", "lead_days", "note", "amount")


def begin_revision(session: Session, quote: Quote) -> QuoteRevision:
    """Keep the offer as it stands and count the next revision. Sealed prices are not in what is kept."""
    kept = QuoteRevision(
        org_id=quote.org_id, quote_id=quote.id, revision=quote.revision, snapshot=_snapshot(session, quote)
    )
    session.add(kept)
    quote.revision += 1
    return kept


def _snapshot(session: Session, quote: Quote) -> dict[str, Any]:
    lines = queries.list_lines(session, quote.id)
    found: dict[str, Any] = {key: _plain(getattr(quote, key)) for key in KEPT}
    found["lines"] = [_line(line) for line in lines]
    return found


def _line(line: QuoteLine) -> dict[str, Any]:
    kept = {key: _plain(getattr(line, key)) for key in KEPT_OF_LINE}
    return kept | {"sealed": line.sealed_price_at is not None}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int) else str(value)
