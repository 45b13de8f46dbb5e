"""Owns giving lines to bids, all at once and under a lock, and taking that back."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from dashboard.collaboration.models import Notification
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.awards.models import Award
from dashboard.erp.comparison import queries as comparison
from dashboard.erp.comparison.sheet import Cell, Offer, Offered, Row, Sheet
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderStatus
from dashboard.erp.quotes.models import Quote, QuoteStatus
from dashboard.erp.sourcing import telling
from dashboard.erp.sourcing.models import Rfq, RfqLine, RfqStatus

RUNNING = (QuoteStatus.SUBMITTED, QuoteStatus.SHORTLISTED)
UNSENT = (PurchaseOrderStatus.DRAFT, PurchaseOrderStatus.TO_APPROVE, PurchaseOrderStatus.APPROVED)
UNDONE = "The award was taken back."


@dataclass(frozen=True)
class Choice:
    """A quantity of a line for one bid, as somebody wants it; `reason` may be empty."""

    rfq_line_id: int
    quote_line_id: int
    quantity: Decimal
    reason: str = ""


def quantity_key(rfq_line_id: int, quote_line_id: int) -> str:
    """Name of the form field of a quantity, and of its error."""
    return f"quantity-{rfq_line_id}-{quote_line_id}"


def reason_key(rfq_line_id: int) -> str:
    """Name of the form field of a line's reason, and of its error."""
    return f"reason-{rfq_line_id}"


def award(  # one call is one decision
    session: Session,
    rfq_id: int,
    choices: Iterable[Choice],
    *,
    actor: str,
    early_reason: str = "",
    tell_losers: bool = False,
) -> int:
    """Give the lines away; the request and its quotes follow. Returns how many awards were made.

    With `tell_losers` the suppliers who got nothing are mailed.

    Raises ConflictError where the request is not ready for it, InvalidInputError with a message per field
    where a choice is not allowed; then nothing is changed.
    """
    wanted = [choice for choice in choices if choice.quantity]
    rfq = _lock(session, rfq_id)
    _guard(session, rfq, early_reason)
    session.execute(text("SELECT open_quotes(:rfq_id)"), {"rfq_id": rfq_id})
    sheet = comparison.load_sheet(session, rfq)
    if problems := check(sheet, wanted):
        raise InvalidInputError("Nothing was awarded yet: some choices are not allowed.", fields=problems)
    for one in wanted:
        values = {"rfq_line_id": one.rfq_line_id, "quote_line_id": one.quote_line_id}
        session.add(Award(org_id=rfq.org_id, quantity=one.quantity, reason=one.reason or None, **values))
    rfq.status = RfqStatus.AWARDED
    rfq.early_close_reason = early_reason or rfq.early_close_reason
    session.flush()
    _settle_quotes(session, sheet, {one.quote_line_id for one in wanted})
    if tell_losers:
        telling.tell_losers(session, rfq)
    _notify(session, rfq, f"{rfq.number or rfq.title} was awarded", actor)
    return len(wanted)


def blocked(session: Session, rfq: Rfq) -> str:
    """Why a request cannot be awarded now, whatever is chosen; empty: it can."""
    if rfq.status not in {RfqStatus.SENT, RfqStatus.QUOTED}:
        return f"An RFQ that is {rfq.status} cannot be awarded; it must be sent and quoted."
    sealed, opens_at = comparison.opening_of(session, rfq)
    if sealed:
        return (
            f"Its prices are sealed until {opens_at:%Y-%m-%d %H:%M %Z}."
            if opens_at
            else "Its prices are sealed."
        )
    return ""


def is_early(session: Session, rfq: Rfq) -> bool:
    """Whether the deadline still lies ahead, so that a reason for closing early is due."""
    return bool(rfq.deadline and rfq.deadline > session.scalar(select(func.clock_timestamp())))  # type: ignore[operator]


def check(sheet: Sheet, choices: Iterable[Choice]) -> dict[str, str]:
    """What is wrong with the choices, by form field; `choices` alone stands for the whole sheet."""
    rows = {row.line.id: row for row in sheet.rows}
    problems: dict[str, str] = {}
    given: dict[int, Decimal] = {}
    seen: set[int] = set()
    for choice in choices:
        key = quantity_key(choice.rfq_line_id, choice.quote_line_id)
        row = rows.get(choice.rfq_line_id)
        found = _find(sheet, row, choice.quote_line_id) if row else None
        if row is None or found is None or choice.quote_line_id in seen:
            problems[key] = "This bid is not on this line."
            continue
        seen.add(choice.quote_line_id)
        given[row.line.id] = given.get(row.line.id, Decimal(0)) + choice.quantity
        if problem := _quantity_problem(row, *found, choice, given[row.line.id]):
            problems[key] = problem
        elif not choice.reason and (why := why_reason(sheet, row, *found)):
            problems[reason_key(row.line.id)] = why
    return problems if seen or problems else {"choices": "Choose a quantity for at least one bid."}


def why_reason(sheet: Sheet, row: Row, offer: Offer, cell: Cell) -> str:
    """Why giving the line to this bid needs a reason; empty: it has the lowest landed cost."""
    if offer.is_lapsed:
        return f"The quote of {offer.supplier} is no longer valid: say why it is awarded."
    if cell.landed is None:
        return f"No exchange rate is known for {offer.currency}: say why {offer.supplier} gets the line."
    for other, rival in zip(sheet.offers, row.cells, strict=True):
        if rival and not other.is_lapsed and rival.landed is not None and rival.landed < cell.landed:
            return f"{offer.supplier} has not the lowest landed cost: say why it gets the line."
    return ""


def undo(session: Session, rfq_id: int, *, actor: str) -> int:
    """Take all awards of a request back: unsent orders made of them go, its quotes compete again.

    Returns how many awards there were. Raises ConflictError once an order was sent.
    """
    rfq = _lock(session, rfq_id)
    if rfq.status != RfqStatus.AWARDED:
        raise ConflictError(f"This RFQ is {rfq.status}: there is no award to take back.")
    awards = list(session.scalars(select(Award).join(Award.rfq_line).where(RfqLine.rfq_id == rfq_id)))
    _withdraw_orders(session, [one.id for one in awards])
    session.execute(delete(Award).where(Award.id.in_([one.id for one in awards])))
    for quote in session.scalars(
        select(Quote).where(
            Quote.rfq_id == rfq_id, Quote.status.in_((QuoteStatus.AWARDED, QuoteStatus.REJECTED))
        )
    ):
        quote.status = QuoteStatus.SUBMITTED
    rfq.status, rfq.awarded_at = RfqStatus.QUOTED, None
    session.flush()
    _notify(session, rfq, f"The award of {rfq.number or rfq.title} was taken back", actor)
    return len(awards)


def _lock(session: Session, rfq_id: int) -> Rfq:
    comparison.get_rfq(session, rfq_id)
    statement = (
        select(Rfq).where(Rfq.id == rfq_id).with_for_update().execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def _guard(session: Session, rfq: Rfq, early_reason: str) -> None:
    if reason := blocked(session, rfq):
        raise ConflictError("This RFQ cannot be awarded now.", fix=reason)
    if is_early(session, rfq) and not early_reason:
        raise InvalidInputError(
            "The deadline has not passed.",
            fields={"early_reason": "Say why the RFQ is closed before its deadline."},
        )


def _find(sheet: Sheet, row: Row, quote_line_id: int) -> tuple[Offer, Cell] | None:
    for offer, cell in zip(sheet.offers, row.cells, strict=True):
        if cell and cell.bid.quote_line_id == quote_line_id:
            return offer, cell
    return None


def _quantity_problem(row: Row, offer: Offer, cell: Cell, choice: Choice, given: Decimal) -> str:
    if cell.bid.offered is not Offered.PRICED:
        return f"{offer.supplier} has no price on this line."
    if offer.status not in RUNNING:
        return f"The quote of {offer.supplier} is {offer.status}."
    if choice.quantity < 0:
        return "A quantity must be more than 0."
    if choice.quantity > cell.bid.quantity:
        return f"{offer.supplier} offers {_plain(cell.bid.quantity)} of this line."
    if given > row.line.quantity:
        return f"The line asks for {_plain(row.line.quantity)}; {_plain(given)} would be awarded."
    return ""


def _plain(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"


def _settle_quotes(session: Session, sheet: Sheet, won: set[int]) -> None:
    """The quotes that got something are awarded, the others that ran are rejected."""
    winners = {o.quote_id for o in sheet.offers if any(bid.quote_line_id in won for bid in o.bids.values())}
    for quote in session.scalars(
        select(Quote).where(
            Quote.rfq_id == sheet.rfq_id, Quote.deleted_at.is_(None), Quote.status.in_(RUNNING)
        )
    ):
        quote.status = QuoteStatus.AWARDED if quote.id in winners else QuoteStatus.REJECTED
    session.flush()


def _withdraw_orders(session: Session, award_ids: list[int]) -> None:
    statement = (
        select(PurchaseOrder)
        .where(PurchaseOrder.lines.any(PurchaseOrderLine.award_id.in_(award_ids)))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    orders = list(session.scalars(statement))
    gone = PurchaseOrderStatus.CANCELLED
    if sent := [order for order in orders if order.status not in {*UNSENT, gone}]:
        names = ", ".join(str(order) for order in sent)
        raise ConflictError(
            "The award cannot be taken back: an order was sent.",
            fix=f"Cancel {names} first, or open a new RFQ.",
        )
    for order in orders:
        for line in order.lines:
            line.award_id = None
        if order.number is None and order.status != gone:
            order.deleted_at = func.now()
        elif order.status != gone:
            order.status, order.cancel_reason = gone, UNDONE
    session.flush()


def _notify(session: Session, rfq: Rfq, title: str, actor: str) -> None:
    """Tell the buyer and whoever opened the request, except the person who did it."""
    people = {rfq.buyer.email if rfq.buyer else "", rfq.created_by or ""} - {actor, ""}
    for email in sorted(person for person in people if "@" in person):
        session.add(Notification(recipient=email, title=title, entity="rfq", record_id=rfq.id))
    session.flush()
