"""A request with offers, as the tests of comparison, awards and orders need it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.erp.models import Currency, FxRate, Organization, Quote, QuoteLine, Rfq, RfqLine, Supplier
from tests import factories

YESTERDAY = timedelta(days=1)


@dataclass
class Case:
    """A request with its lines, and its quotes in the order they were made."""

    org: Organization
    rfq: Rfq
    lines: list[RfqLine]
    quotes: list[Quote]

    def bid(self, quote: int, line: int) -> QuoteLine:
        """The offer of a quote on a line, both counted from 0."""
        wanted = self.lines[line].id
        return next(bid for bid in self.quotes[quote].lines if bid.rfq_line_id == wanted)


def currencies(session: Session, *codes: str) -> None:
    """Make currencies known, JPY without decimals."""
    for code in codes:
        session.add(Currency(code=code, name=code, decimals=0 if code == "JPY" else 2))
    session.flush()


def rate(session: Session, source: str, target: str, value: str, days_ago: int = 1) -> None:
    """Store an exchange rate of some days ago."""
    day = datetime.now(UTC).date() - timedelta(days=days_ago)
    session.add(FxRate(from_currency=source, to_currency=target, on_date=day, rate=Decimal(value)))
    session.flush()


def make_case(session: Session, quantities: tuple[int, ...] = (100, 10), **values: Any) -> Case:
    """A request that was quoted and whose deadline has passed; quotes come by `add_quote`."""
    org = factories.OrganizationFactory()
    now = datetime.now(UTC)
    given = {"status": "quoted", "deadline": now - YESTERDAY, "sent_at": now - 9 * YESTERDAY} | values
    rfq = factories.RfqFactory(organization=org, **given)
    lines = [
        factories.RfqLineFactory(
            rfq=rfq, position=place, quantity=Decimal(quantity), description=f"Part {place}"
        )
        for place, quantity in enumerate(quantities, 1)
    ]
    session.flush()
    return Case(org, rfq, lines, [])


def add_quote(case: Case, *prices: str | None, name: str = "", days: int = 10, **values: Any) -> Quote:
    """A submitted quote: a price per line, None for a no-bid, '' for one that is not priced yet."""
    supplier: Supplier = factories.SupplierFactory(organization=case.org, **({"name": name} if name else {}))
    given = {"status": "submitted", "lead_time_days": days} | values
    quote = factories.QuoteFactory(organization=case.org, rfq=case.rfq, supplier=supplier, **given)
    for line, price in zip(case.lines, prices, strict=False):
        factories.QuoteLineFactory(
            quote=quote,
            rfq_line=line,
            quantity=line.quantity,
            unit_price=Decimal(price) if price else None,
            no_bid=price is None,
        )
    case.quotes.append(quote)
    return quote
