"""Owns the steps of a quote: draft → submitted → shortlisted → awarded or rejected; withdrawn, expired.

Awarding and rejecting with an award belong to the awards.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from dashboard.erp.quotes import queries, service
from dashboard.erp.quotes.models import Quote, QuoteStatus
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sourcing import queries as sourcing
from dashboard.erp.sourcing.models import Rfq, RfqStatus
from dashboard.erp.workflow.service import register, transition
from dashboard.erp.workflow.steps import Guard, Transition, Values, Workflow

RUNNING = frozenset({QuoteStatus.SUBMITTED, QuoteStatus.SHORTLISTED})
ENDED = frozenset({QuoteStatus.AWARDED, QuoteStatus.REJECTED, QuoteStatus.WITHDRAWN, QuoteStatus.EXPIRED})


def _rfq_of(session: Session, quote: Any) -> Rfq:
    return session.get_one(Rfq, quote.rfq_id, populate_existing=True)


def _bidding(session: Session, quote: Any, _values: Values) -> str:
    return sourcing.why_no_bids(session, _rfq_of(session, quote))


def _answered(session: Session, quote: Any, _values: Values) -> str:
    lines = queries.list_lines(session, quote.id)
    missing = [line for line in lines if not (queries.is_priced(line) or line.no_bid)]
    if missing:
        return f"{len(missing)} of {len(lines)} lines have neither a price nor “no bid”."
    return "" if any(not line.no_bid for line in lines) else "There is no line with a price."


def _open(session: Session, quote: Any, _values: Values) -> str:
    return "The bids are sealed until the deadline." if seals.is_closed(session, quote.rfq_id) else ""


def _stamp(_session: Session, quote: Any, _values: Values) -> None:
    quote.submitted_at = datetime.now(UTC)


def _tell_rfq(session: Session, quote: Any, _values: Values) -> None:
    rfq = _rfq_of(session, quote)
    if rfq.status == RfqStatus.SENT:
        transition(session, rfq, "quoted")


def _keep_revision(session: Session, quote: Any, _values: Values) -> None:
    service.begin_revision(session, quote)


BIDDING = Guard(
    "Bidding open", _bidding, "Send the RFQ, or put its deadline off; after an early close it stays closed."
)
ANSWERED = Guard("Every line answered", _answered, "Enter the prices, or mark lines as no bid.")
OPEN = Guard("Bids opened", _open, "Wait for the opening.")

SUBMIT = Transition(
    "submit",
    "Submit",
    frozenset({QuoteStatus.DRAFT}),
    QuoteStatus.SUBMITTED,
    guards=(BIDDING, ANSWERED),
    before=_stamp,
    after=_tell_rfq,
    means=("The quote counts as received now.", "It can be revised until the deadline of the RFQ."),
    icon="send",
    style="primary",
)
REVISE = Transition(
    "revise",
    "Revise",
    RUNNING,
    QuoteStatus.DRAFT,
    guards=(BIDDING,),
    before=_keep_revision,
    means=("The quote as it stands is kept as a revision.", "Submit it again after the changes."),
    icon="refresh",
)
SHORTLIST = Transition(
    "shortlist",
    "Shortlist",
    frozenset({QuoteStatus.SUBMITTED}),
    QuoteStatus.SHORTLISTED,
    guards=(OPEN,),
    means=("It is marked as one of the candidates.",),
    icon="star",
)
UNLIST = Transition(
    "unlist",
    "Take off the shortlist",
    frozenset({QuoteStatus.SHORTLISTED}),
    QuoteStatus.SUBMITTED,
    icon="star-off",
)
REJECT = Transition(
    "reject",
    "Reject",
    RUNNING,
    QuoteStatus.REJECTED,
    guards=(OPEN,),
    means=("It is out of the competition. The supplier gets no mail by this.",),
    icon="x",
    style="danger",
)
WITHDRAW = Transition(
    "withdraw",
    "Withdraw",
    RUNNING | {QuoteStatus.DRAFT},
    QuoteStatus.WITHDRAWN,
    means=("The supplier takes the offer back.",),
    icon="arrow-back",
)
REOPEN = Transition(
    "reopen",
    "Reopen",
    frozenset({QuoteStatus.WITHDRAWN, QuoteStatus.REJECTED, QuoteStatus.EXPIRED}),
    QuoteStatus.DRAFT,
    guards=(BIDDING,),
    before=_keep_revision,
    means=("It becomes a draft, to be submitted again.",),
    icon="rotate",
)
EXPIRE = Transition("expire", "Expire", RUNNING | {QuoteStatus.DRAFT}, QuoteStatus.EXPIRED, automatic=True)
WORKFLOW = register(
    Workflow("quote", "quote", Quote, (SUBMIT, SHORTLIST, UNLIST, REVISE, REJECT, WITHDRAW, REOPEN, EXPIRE))
)
