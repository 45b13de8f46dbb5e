"""Owns what must hold before a request moves on, in words people can act on."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.quotes.models import Quote, QuoteStatus
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sourcing import queries
from dashboard.erp.suppliers.models import SupplierStatus
from dashboard.erp.workflow.steps import Guard, Values

ENOUGH_SUPPLIERS = 2


def _lines(session: Session, rfq: Any, _values: Values) -> str:
    return "" if queries.count_lines(session, rfq.id) else "The RFQ has no line."


def _invited(session: Session, rfq: Any, values: Values) -> str:
    count = len(queries.suppliers_of(session, rfq.id))
    if count >= ENOUGH_SUPPLIERS or (count and (values.get("waiver") or rfq.waiver)):
        return ""
    invited = "One supplier is" if count else "No supplier is"
    return f"{invited} invited."


def _nobody_blocked(session: Session, rfq: Any, _values: Values) -> str:
    blocked = [
        supplier.name
        for supplier in queries.suppliers_of(session, rfq.id)
        if supplier.status == SupplierStatus.BLOCKED or supplier.deleted_at
    ]
    return f"Blocked or deleted: {', '.join(blocked)}." if blocked else ""


def _deadline(session: Session, rfq: Any, _values: Values) -> str:
    if rfq.deadline is None:
        return "The RFQ has no deadline."
    return "" if rfq.deadline > seals.clock(session) else "The deadline has passed."


def _new_deadline(session: Session, _rfq: Any, values: Values) -> str:
    wanted: datetime | None = values.get("deadline")
    return "" if wanted is None or wanted > seals.clock(session) else "The new deadline lies in the past."


def _never_earlier(session: Session, rfq: Any, values: Values) -> str:
    wanted, opening = values.get("deadline"), seals.opening_of(session, rfq.id)
    if opening is None or wanted is None:
        return ""
    if opening <= seals.clock(session):
        return "The bids have been opened."
    return "" if wanted >= opening else "The new deadline is earlier than the one suppliers were promised."


def _not_sealed(session: Session, rfq: Any, _values: Values) -> str:
    return "The bids are sealed until the deadline." if seals.is_closed(session, rfq.id) else ""


def _unpriced(session: Session, rfq: Any, _values: Values) -> str:
    if not rfq.sealed:
        return ""
    early = select(Quote.id).where(Quote.rfq_id == rfq.id, Quote.deleted_at.is_(None), Quote.total > 0)
    return "A quote already has prices, which everybody can read." if session.scalar(early.limit(1)) else ""


def _one_bid(session: Session, rfq: Any, _values: Values) -> str:
    running = select(Quote.id).where(
        Quote.rfq_id == rfq.id, Quote.deleted_at.is_(None), Quote.status != QuoteStatus.DRAFT
    )
    return "" if session.scalar(running.limit(1)) else "No quote was submitted."


LINES = Guard("At least one line", _lines, "Add a line to the RFQ.")
INVITED = Guard(
    "At least two invitations",
    _invited,
    "Invite two suppliers, or invite one and say below why there is no second.",
    field="waiver",
)
NOBODY_BLOCKED = Guard(
    "No blocked supplier", _nobody_blocked, "Take the invitation back, or unblock the supplier."
)
DEADLINE = Guard("Deadline ahead", _deadline, "Set a deadline in the future.")
NEW_DEADLINE = Guard("Deadline ahead", _new_deadline, "Choose a later time.", field="deadline")
NEVER_EARLIER = Guard(
    "A sealed deadline only moves forwards",
    _never_earlier,
    "Choose a time after the present deadline, while the bids are sealed.",
    field="deadline",
)
NOT_SEALED = Guard("Not sealed", _not_sealed, "Wait for the opening.")
UNPRICED = Guard(
    "No open price in a sealed RFQ", _unpriced, "Delete that quote, or send the RFQ without a seal."
)
ONE_BID = Guard("At least one quote", _one_bid, "Wait for a quote, or cancel the RFQ.")
