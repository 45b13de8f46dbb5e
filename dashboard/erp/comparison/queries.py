"""Owns reading a request with all its offers for the comparison, in a handful of statements."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from dashboard.core.errors import NotFoundError
from dashboard.erp.awards.models import Award
from dashboard.erp.catalog.models import Product, Unit
from dashboard.erp.comparison.sheet import Bid, Line, Offer, Offered, Row, Sheet, build_rows
from dashboard.erp.currencies import queries as currencies
from dashboard.erp.currencies.queries import Conversion
from dashboard.erp.organizations.models import Organization
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine
from dashboard.erp.quotes.models import Quote, QuoteLine, QuoteStatus
from dashboard.erp.sealing.models import QuotePrice, RfqSeal
from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqLine
from dashboard.erp.suppliers.models import Supplier

SHOWN = (
    QuoteStatus.SUBMITTED,
    QuoteStatus.SHORTLISTED,
    QuoteStatus.AWARDED,
    QuoteStatus.REJECTED,
    QuoteStatus.EXPIRED,
)


def get_rfq(session: Session, rfq_id: int) -> Rfq:
    """The request. Raises NotFoundError, also for a deleted one."""
    rfq = session.get(Rfq, rfq_id)
    if rfq is None or rfq.deleted_at:
        raise NotFoundError(f"There is no RFQ with the number {rfq_id}.")
    return rfq


def today_of(organization: Organization) -> date:
    """The day it is where the organization is."""
    return datetime.now(ZoneInfo(organization.time_zone)).date()


def opening_of(session: Session, rfq: Rfq) -> tuple[bool, datetime | None]:
    """Whether prices are sealed now, and when they open (None: not fixed before the request is sent)."""
    if not rfq.sealed:
        return False, None
    seal = session.execute(
        select(RfqSeal.opens_at, RfqSeal.opens_at > func.clock_timestamp()).where(RfqSeal.rfq_id == rfq.id)
    ).one_or_none()
    return (seal[1], seal[0]) if seal else (True, None)


def load_sheet(session: Session, rfq: Rfq, currency: str = "") -> Sheet:
    """Read the sheet in a currency, the organization's own by default, with the rates of today."""
    base = rfq.organization.base_currency
    wanted = currency or base
    day = today_of(rfq.organization)
    sealed, opens_at = opening_of(session, rfq)
    records = session.execute(_quotes(rfq.id)).all()
    sources = {quote.currency for quote, _ in records} | {rfq.currency}
    rates = currencies.conversions(session, sources, wanted, day, across=base)
    offers = [
        _offer(quote, supplier, rates[quote.currency], day, sealed=sealed) for quote, supplier in records
    ]
    _add_bids(session, rfq.id, offers, sealed=sealed)
    rows = build_rows(_lines(session, rfq.id), offers, rates[rfq.currency])
    _add_awards(session, rfq.id, rows)
    missing = sorted({offer.currency for offer in offers if offer.conversion is None})
    return Sheet(rfq.id, wanted, day, offers, rows, missing, opens_at if sealed else None)


def silent_suppliers(session: Session, rfq_id: int, sheet: Sheet) -> list[tuple[str, bool]]:
    """Invited suppliers without an offer on the sheet: name, and whether they declined."""
    answered = [offer.supplier_id for offer in sheet.offers]
    found = session.execute(
        select(Supplier.name, RfqInvitation.declined_at.is_not(None))
        .join(RfqInvitation.supplier)
        .where(RfqInvitation.rfq_id == rfq_id, Supplier.id.not_in(answered))
        .order_by(Supplier.name)
    )
    return [(name, declined) for name, declined in found]


def _quotes(rfq_id: int) -> Any:
    return (
        select(Quote, Supplier)
        .join(Quote.supplier)
        .where(Quote.rfq_id == rfq_id, Quote.deleted_at.is_(None), Quote.status.in_(SHOWN))
        .order_by(Supplier.name, Quote.id)
    )


def _offer(quote: Quote, supplier: Supplier, rate: Conversion | None, day: date, *, sealed: bool) -> Offer:
    lapsed = quote.status == QuoteStatus.EXPIRED or bool(quote.valid_until and quote.valid_until < day)
    return Offer(
        quote_id=quote.id,
        supplier_id=supplier.id,
        supplier=supplier.name,
        status=quote.status,
        currency=quote.currency,
        freight=quote.freight,
        duty=quote.duty,
        conversion=rate,
        reliability=supplier.reliability,
        score_n=supplier.score_n,
        lead_time_days=quote.lead_time_days,
        valid_until=quote.valid_until,
        is_lapsed=lapsed and quote.status != QuoteStatus.AWARDED,
        sealed=sealed,
    )


def _lines(session: Session, rfq_id: int) -> list[Line]:
    found = session.execute(
        select(RfqLine, Product.name, Product.sku, Unit.code)
        .outerjoin(RfqLine.product)
        .outerjoin(RfqLine.unit)
        .where(RfqLine.rfq_id == rfq_id)
        .order_by(RfqLine.position, RfqLine.id)
    )
    return [
        Line(
            line.id,
            place,
            line.description or name or f"Line {place}",
            sku or "",
            line.quantity,
            unit or "",
            line.need_by,
            line.target_price,
        )
        for place, (line, name, sku, unit) in enumerate(found, 1)
    ]


def _add_bids(session: Session, rfq_id: int, offers: list[Offer], *, sealed: bool) -> None:
    """Add each quote's lines; an opened price that is not copied yet is read where it was kept."""
    by_quote = {offer.quote_id: offer for offer in offers}
    kept = (
        select(QuotePrice.unit_price)
        .where(QuotePrice.quote_line_id == QuoteLine.id)
        .order_by(QuotePrice.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    price = (
        QuoteLine.unit_price
        if sealed
        else case((QuoteLine.unit_price.is_(None), kept), else_=QuoteLine.unit_price)
    )
    found = session.execute(
        select(
            QuoteLine.quote_id,
            QuoteLine.rfq_line_id,
            QuoteLine.id,
            QuoteLine.quantity,
            QuoteLine.no_bid,
            QuoteLine.lead_days,
            QuoteLine.note,
            price,
        )
        .join(RfqLine, RfqLine.id == QuoteLine.rfq_line_id)
        .where(QuoteLine.quote_id.in_(list(by_quote)), RfqLine.rfq_id == rfq_id)
    )
    for quote_id, line_id, bid_id, quantity, no_bid, lead_days, note, amount in found:
        offer = by_quote[quote_id]
        offered = _offered(amount, no_bid=no_bid, sealed=sealed)
        days = lead_days if lead_days is not None else offer.lead_time_days
        is_priced = offered is Offered.PRICED
        offer.bids[line_id] = Bid(bid_id, quantity, offered, amount if is_priced else None, days, note or "")


def _offered(amount: object, *, no_bid: bool, sealed: bool) -> Offered:
    if sealed:
        return Offered.SEALED  # even that there is no bid says something
    if no_bid:
        return Offered.NO_BID
    return Offered.UNPRICED if amount is None else Offered.PRICED


def _add_awards(session: Session, rfq_id: int, rows: list[Row]) -> None:
    found = session.execute(
        select(Award.quote_line_id, Award.quantity)
        .join(RfqLine, RfqLine.id == Award.rfq_line_id)
        .where(RfqLine.rfq_id == rfq_id)
    )
    given = {row.quote_line_id: row.quantity for row in found}
    for row in rows:
        for cell in row.cells:
            if cell and cell.bid.quote_line_id in given:
                cell.awarded = given[cell.bid.quote_line_id]
                row.awarded += cell.awarded


def orders_of(session: Session, rfq_id: int) -> list[PurchaseOrder]:
    """The orders made of a request, newest first."""
    statement = (
        select(PurchaseOrder)
        .options(joinedload(PurchaseOrder.supplier))
        .where(PurchaseOrder.rfq_id == rfq_id, PurchaseOrder.deleted_at.is_(None))
        .order_by(PurchaseOrder.id.desc())
    )
    return list(session.scalars(statement))


def count_open_awards(session: Session, rfq_id: int) -> int:
    """How many awards are on no order yet."""
    statement = (
        select(func.count())
        .select_from(Award)
        .join(Award.rfq_line)
        .outerjoin(PurchaseOrderLine, PurchaseOrderLine.award_id == Award.id)
        .where(RfqLine.rfq_id == rfq_id, PurchaseOrderLine.id.is_(None))
    )
    return session.scalar(statement) or 0
