"""Owns the steps of a request: draft → sent → quoted → awarded → closed, and cancelled before the award.

Awarding itself belongs to the awards, which name lines, quantities and reasons.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.erp.quotes.models import Quote, QuoteStatus
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sealing import service as sealing
from dashboard.erp.sourcing import guards, mails, queries, telling
from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqStatus
from dashboard.erp.workflow.service import register
from dashboard.erp.workflow.steps import Ask, Transition, Values, Workflow

BIDDING = frozenset({RfqStatus.SENT, RfqStatus.QUOTED})
RUNNING = (QuoteStatus.DRAFT, QuoteStatus.SUBMITTED, QuoteStatus.SHORTLISTED)


def _sent(session: Session, rfq: Any, _values: Values) -> None:
    if rfq.sealed:
        sealing.seal(session, rfq.id, rfq.deadline)
    now = datetime.now(UTC)
    for one in queries.list_invited(session, rfq.id):
        one.invitation.invited_at = now
        mails.write(session, rfq, one.supplier, mails.INVITATION)


def _deadline_moved(session: Session, rfq: Any, _values: Values) -> None:
    if seals.opening_of(session, rfq.id) is not None:
        sealing.put_off(session, rfq.id, rfq.deadline)
    session.execute(
        update(RfqInvitation)
        .where(RfqInvitation.rfq_id == rfq.id, RfqInvitation.reminded_at.is_not(None))
        .values(reminded_at=None, version=RfqInvitation.version + 1)
    )
    for supplier in queries.suppliers_of(session, rfq.id):
        mails.write(session, rfq, supplier, mails.NEW_DEADLINE)


def _closed_early(session: Session, rfq: Any, _values: Values) -> None:
    for one in queries.list_invited(session, rfq.id):
        if one.state in {"invited", "seen", "draft"}:
            mails.write(session, rfq, one.supplier, mails.CLOSED_EARLY)


def _cancelled(session: Session, rfq: Any, _values: Values) -> None:
    if rfq.sent_at is not None:
        for one in queries.list_invited(session, rfq.id):
            if one.invitation.invited_at and not one.invitation.declined_at:
                mails.write(session, rfq, one.supplier, mails.CANCELLED)
    expire(session, rfq.id)


def _closed(session: Session, rfq: Any, values: Values) -> None:
    if values.get("tell_losers"):
        telling.tell_losers(session, rfq)


def expire(session: Session, rfq_id: int) -> None:
    """End the quotes of a request that nothing will be made of."""
    query = select(Quote).where(Quote.rfq_id == rfq_id, Quote.status.in_(RUNNING))
    for quote in session.scalars(query):
        quote.status = QuoteStatus.EXPIRED


def _can_close_early(rfq: Rfq) -> bool:
    return not rfq.sealed and not rfq.early_close_reason and _is_ahead(rfq)


def _is_ahead(rfq: Rfq) -> bool:
    return rfq.deadline is not None and rfq.deadline > datetime.now(UTC)


def _can_move_deadline(rfq: Rfq) -> bool:
    return not rfq.early_close_reason and (not rfq.sealed or _is_ahead(rfq))


SEND = Transition(
    "send",
    "Send",
    frozenset({RfqStatus.DRAFT}),
    RfqStatus.SENT,
    guards=(guards.LINES, guards.INVITED, guards.NOBODY_BLOCKED, guards.DEADLINE, guards.UNPRICED),
    asks=(
        Ask(
            "waiver", "Why only one supplier", help="Needed only where fewer than two suppliers are invited."
        ),
    ),
    after=_sent,
    means=(
        "The RFQ gets its number.",
        "Every invited supplier gets a mail with the lines and the deadline.",
        "Lines, invitations and currency cannot be changed afterwards; more suppliers can be invited.",
        "Where it is sealed, nobody can read a price before the deadline, not even you.",
    ),
    icon="send",
    style="primary",
)
EXTEND = Transition(
    "extend",
    "Change deadline",
    BIDDING,
    None,
    guards=(guards.NEW_DEADLINE, guards.NEVER_EARLIER),
    asks=(Ask("deadline", "New deadline", "moment", required=True),),
    after=_deadline_moved,
    means=("Every invited supplier is told the new deadline.", "A sealed RFQ opens at the new deadline."),
    icon="calendar-time",
    offered=_can_move_deadline,
)
CLOSE_EARLY = Transition(
    "close_early",
    "Close early",
    BIDDING,
    None,
    guards=(guards.NOT_SEALED, guards.ONE_BID),
    asks=(Ask("early_close_reason", "Reason", required=True),),
    after=_closed_early,
    means=("No further quote is accepted.", "Suppliers who have not answered are told."),
    icon="clock-stop",
    offered=_can_close_early,
)
CANCEL = Transition(
    "cancel",
    "Cancel",
    BIDDING | {RfqStatus.DRAFT},
    RfqStatus.CANCELLED,
    asks=(Ask("cancel_reason", "Reason", required=True),),
    after=_cancelled,
    means=("Suppliers who were invited are told.", "Its quotes expire. This cannot be taken back."),
    icon="ban",
    style="danger",
)
CLOSE = Transition(
    "close",
    "Close",
    frozenset({RfqStatus.AWARDED}),
    RfqStatus.CLOSED,
    asks=(
        Ask(
            "tell_losers",
            "Mail the suppliers who got nothing",
            "tick",
            help="A short thank you that names no winner and no price. Nobody gets it twice.",
            stored=False,
        ),
    ),
    after=_closed,
    means=("The RFQ is done: it can no longer be edited.",),
    icon="circle-check",
)
QUOTED = Transition("quoted", "First quote", frozenset({RfqStatus.SENT}), RfqStatus.QUOTED, automatic=True)
WORKFLOW = register(Workflow("rfq", "RFQ", Rfq, (SEND, EXTEND, CLOSE_EARLY, CLOSE, CANCEL, QUOTED)))
