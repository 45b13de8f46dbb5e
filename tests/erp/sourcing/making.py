"""Makes requests in the state a test needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from dashboard.erp.models import Quote, Rfq, RfqLine, Supplier
from dashboard.erp.workflow.service import transition
from tests.factories import (
    OrganizationFactory,
    QuoteFactory,
    QuoteLineFactory,
    RfqFactory,
    RfqInvitationFactory,
    RfqLineFactory,
)


def soon(**delta: float) -> datetime:
    """A moment from now."""
    return datetime.now(UTC) + timedelta(**(delta or {"days": 5}))


def draft(session: Session, *, suppliers: int = 2, lines: int = 2, **fields: Any) -> Rfq:
    """A draft that could be sent."""
    fields.setdefault("deadline", soon())
    fields.setdefault("organization", OrganizationFactory())
    rfq = RfqFactory(**fields)
    for number in range(lines):
        RfqLineFactory(rfq=rfq, description=f"Part {number + 1}", position=number + 1)
    for _ in range(suppliers):
        RfqInvitationFactory(rfq=rfq)
    session.flush()
    session.expire(rfq, ["lines", "invitations"])
    return rfq


def sent(session: Session, **fields: Any) -> Rfq:
    """A request that was sent."""
    rfq = draft(session, **fields)
    transition(session, rfq, "send")
    return rfq


def supplier_of(rfq: Rfq, number: int = 0) -> Supplier:
    """One of the invited suppliers."""
    return rfq.invitations[number].supplier


def lines_of(rfq: Rfq) -> list[RfqLine]:
    """The lines in order."""
    return list(rfq.lines)


def quote(session: Session, rfq: Rfq, number: int = 0, price: Any = "1.25", **fields: Any) -> Quote:
    """A draft quote of an invited supplier with a price on every line."""
    made = QuoteFactory(organization=rfq.organization, rfq=rfq, supplier=supplier_of(rfq, number), **fields)
    for line in lines_of(rfq):
        QuoteLineFactory(quote=made, rfq_line=line, unit_price=price)
    session.flush()
    return made
