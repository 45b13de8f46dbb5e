"""Owns what a supplier does on the page: save, submit, revise, decline, add files. Callers commit."""

from datetime import UTC, datetime
from typing import IO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.collaboration import service as collaboration
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.portal.access import Visit
from dashboard.erp.portal.reading import Answer, LineAnswer
from dashboard.erp.quotes import queries as quotes
from dashboard.erp.quotes.models import Quote, QuoteLine, QuoteStatus
from dashboard.erp.quotes.steps import RUNNING
from dashboard.erp.sourcing import mails, queries
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.workflow.service import transition
from dashboard.files import service as files
from dashboard.files.models import Attachment
from dashboard.tenancy.scope import is_read_only

OVER = frozenset({QuoteStatus.AWARDED, QuoteStatus.REJECTED})
PAUSED = frozenset({QuoteStatus.WITHDRAWN, QuoteStatus.EXPIRED})
MAX_FILES = 20


def note_view(session: Session, visit: Visit) -> None:
    """Remember when the page was first opened."""
    if visit.invitation.viewed_at is None and not is_read_only(session):
        visit.invitation.viewed_at = datetime.now(UTC)
        session.flush()


def open_quote(session: Session, visit: Visit) -> Quote | None:
    """The supplier's quote so far, with the request locked. Raises ConflictError when no answer is taken."""
    session.scalar(select(Rfq.id).where(Rfq.id == visit.rfq.id).with_for_update())
    session.refresh(visit.rfq)
    if reason := queries.why_no_bids(session, visit.rfq):
        raise ConflictError(reason, fix="No quote is accepted any more.")
    quote = quotes.find_quote(session, visit.rfq.id, visit.supplier.id)
    if quote is not None and quote.status in OVER:
        raise ConflictError(f"Your quote was {quote.status}.", fix="It cannot be changed any more.")
    return quote


def save(session: Session, visit: Visit, answer: Answer, *, submitting: bool) -> Quote:
    """Store a checked form as draft, or submit it; a submitted quote is revised, and kept as it was.

    Raises ConflictError once bidding is over, InvalidInputError for a guard that does not hold.
    """
    quote = open_quote(session, visit)
    if quote is not None and quote.status in RUNNING:
        if not submitting:
            raise InvalidInputError("This quote was submitted already: submit its revision.")
        transition(session, quote, "revise")
    elif quote is not None and quote.status in PAUSED:
        transition(session, quote, "reopen")
    quote = _store(session, visit, quote, answer)
    visit.invitation.declined_at = visit.invitation.decline_reason = None
    session.flush()
    if submitting:
        transition(session, quote, "submit")
        _confirm(session, visit, quote)
    return quote


def _store(session: Session, visit: Visit, quote: Quote | None, answer: Answer) -> Quote:
    if quote is None:
        quote = Quote(org_id=visit.rfq.org_id, rfq_id=visit.rfq.id, supplier_id=visit.supplier.id)
        session.add(quote)
    for key, value in answer.values.items():
        if key != "freight" or value is not None:
            setattr(quote, key, value)
    quote.from_supplier = True
    session.flush()
    for line in answer.lines:
        _store_line(session, quote, line, sealed=visit.rfq.sealed)
    session.flush()
    return quote


def _store_line(session: Session, quote: Quote, line: LineAnswer, *, sealed: bool) -> None:
    stored = line.stored
    if stored is None:
        if line.is_blank:
            return
        stored = QuoteLine(org_id=quote.org_id, quote_id=quote.id, rfq_line_id=line.asked.id)
        session.add(stored)
    stored.quantity = line.asked.quantity
    stored.no_bid = line.no_bid
    stored.lead_days, stored.note = line.values.get("lead_days"), line.values.get("note")
    price = None if line.no_bid else line.values.get("unit_price")
    if price is not None or not sealed:  # an empty field leaves a sealed price as it is
        stored.unit_price = price


def _confirm(session: Session, visit: Visit, quote: Quote) -> None:
    mails.write(session, visit.rfq, visit.supplier, mails.RECEIVED, queued=False, revision=quote.revision)
    words = "Quote" if quote.revision == 1 else f"Revision {quote.revision} of the quote"
    title = f"{words} of {visit.supplier.name} on {visit.rfq.number or visit.rfq.title} has arrived"
    collaboration.notify(session, queries.recipients(visit.rfq), title, entity="quote", record_id=quote.id)


def decline(session: Session, visit: Visit, reason: str) -> None:
    """Say no to the whole request; a quote that was there is withdrawn. Raises as `save`."""
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise InvalidInputError("Please say why.", fields={"reason": "Please say why, in a few words."})
    quote = open_quote(session, visit)
    if quote is not None and quote.status not in PAUSED:
        transition(session, quote, "withdraw")
    visit.invitation.declined_at, visit.invitation.decline_reason = datetime.now(UTC), reason[:2000]
    session.flush()
    mails.write(session, visit.rfq, visit.supplier, mails.DECLINED, queued=False)
    title = f"{visit.supplier.name} declined {visit.rfq.number or visit.rfq.title}"
    collaboration.notify(
        session,
        queries.recipients(visit.rfq),
        title,
        entity="rfq",
        record_id=visit.rfq.id,
        body=reason[:500],
    )


def add_file(session: Session, visit: Visit, name: str, stream: IO[bytes]) -> Attachment:
    """Keep a file with the quote, which is made if there is none yet. Raises as `save` and `files.store`."""
    quote = open_quote(session, visit)
    if quote is None:
        empty = Answer({}, [], values={"currency": visit.rfq.currency})
        quote = _store(session, visit, None, empty)
    if len(own_files(session, quote)) >= MAX_FILES:
        raise InvalidInputError(f"At most {MAX_FILES} files can be added.", fix="Remove one first.")
    return files.store(session, "quote", quote.id, name, stream, from_supplier=True)


def own_files(session: Session, quote: Quote | None) -> list[Attachment]:
    """The files the supplier added here."""
    if quote is None:
        return []
    query = select(Attachment).where(
        Attachment.entity == "quote",
        Attachment.record_id == quote.id,
        Attachment.from_supplier,
        Attachment.deleted_at.is_(None),
    )
    return list(session.scalars(query.order_by(Attachment.id)))


def remove_file(session: Session, visit: Visit, file_id: int) -> None:
    """Take one of the supplier's own files back. Raises as `save`."""
    quote = open_quote(session, visit)
    for one in own_files(session, quote):
        if one.id == file_id:
            one.deleted_at = func.clock_timestamp()
            session.flush()
