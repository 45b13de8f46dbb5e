"""Owns making purchase orders of awards: one per supplier, each award once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, NotFoundError
from dashboard.erp.awards.models import Award
from dashboard.erp.comparison.queries import get_rfq, today_of
from dashboard.erp.currencies import queries as currencies
from dashboard.erp.inventory.models import Warehouse
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine
from dashboard.erp.quotes.models import Quote, QuoteLine
from dashboard.erp.sourcing.models import Rfq, RfqLine

RATE_STEP = Decimal("0.00000001")


@dataclass(frozen=True)
class Awarded:
    """An award with what was asked and offered."""

    award: Award
    asked: RfqLine
    bid: QuoteLine
    quote: Quote


def order_awards(session: Session, rfq_id: int) -> list[PurchaseOrder]:
    """Make draft orders of all awards that are on none yet; a second call makes nothing.

    Raises ConflictError where an exchange rate to the organization's currency is missing.
    """
    get_rfq(session, rfq_id)
    rfq = session.scalars(select(Rfq).where(Rfq.id == rfq_id).with_for_update()).one()
    by_quote: dict[int, list[Awarded]] = {}
    for one in _open_awards(session, rfq_id):
        by_quote.setdefault(one.quote.id, []).append(one)
    warehouse = _only_warehouse(session, rfq.org_id)
    orders = [_order(session, rfq, awarded, warehouse) for awarded in by_quote.values()]
    session.flush()
    return orders


def fx_rate(session: Session, currency: str, base: str, day: date) -> Decimal:
    """The rate of the day to the base currency. Raises ConflictError where none is known."""
    found = currencies.conversion(session, currency, base, day)
    if found is None:
        raise ConflictError(
            f"No exchange rate from {currency} to {base} is known up to {day:%Y-%m-%d}.",
            fix="Enter the rate under Exchange rates, then try again.",
        )
    return found.rate.quantize(RATE_STEP, ROUND_HALF_UP)


def _open_awards(session: Session, rfq_id: int) -> list[Awarded]:
    found = session.execute(
        select(Award, RfqLine, QuoteLine, Quote)
        .join(RfqLine, RfqLine.id == Award.rfq_line_id)
        .join(QuoteLine, QuoteLine.id == Award.quote_line_id)
        .join(Quote, Quote.id == QuoteLine.quote_id)
        .outerjoin(PurchaseOrderLine, PurchaseOrderLine.award_id == Award.id)
        .where(RfqLine.rfq_id == rfq_id, PurchaseOrderLine.id.is_(None))
        .order_by(Quote.id, RfqLine.position, RfqLine.id)
    )
    return [Awarded(*row) for row in found]


def _only_warehouse(session: Session, org_id: int) -> int | None:
    """The warehouse goods go to where there is just one; else a person chooses."""
    statement = select(Warehouse.id).where(
        Warehouse.org_id == org_id, Warehouse.deleted_at.is_(None), Warehouse.is_active
    )
    found = list(session.scalars(statement.limit(2)))
    return found[0] if len(found) == 1 else None


def _order(session: Session, rfq: Rfq, awarded: Sequence[Awarded], warehouse: int | None) -> PurchaseOrder:
    quote = awarded[0].quote
    day = today_of(rfq.organization)
    share = _share(session, quote, awarded)
    places = currencies.decimals(session).get(quote.currency, 2)
    order = PurchaseOrder(
        org_id=rfq.org_id,
        supplier_id=quote.supplier_id,
        rfq_id=rfq.id,
        quote_id=quote.id,
        warehouse_id=warehouse,
        buyer_id=rfq.buyer_id,
        currency=quote.currency,
        fx_rate=fx_rate(session, quote.currency, rfq.organization.base_currency, day),
        freight=_round(quote.freight * share, places),
        duty=_round(quote.duty * share, places),
    )
    session.add(order)
    session.flush()
    for position, one in enumerate(awarded, 1):
        session.add(_line(order, position, one, day))
    session.flush()
    session.refresh(order)
    return order


def _share(session: Session, quote: Quote, awarded: Sequence[Awarded]) -> Decimal:
    """Which part of the quote's value is ordered: freight and duty are shared out by value."""
    offered = session.scalars(select(QuoteLine.amount).where(QuoteLine.quote_id == quote.id))
    whole = sum((amount for amount in offered if amount), Decimal(0))
    part = sum((one.award.quantity * (one.bid.unit_price or 0) for one in awarded), Decimal(0))
    return min(part / whole, Decimal(1)) if whole else Decimal(0)


def _round(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _line(order: PurchaseOrder, position: int, one: Awarded, day: date) -> PurchaseOrderLine:
    if one.bid.unit_price is None:
        raise NotFoundError(f"The bid on line {position} has no price.")
    days = one.bid.lead_days if one.bid.lead_days is not None else one.quote.lead_time_days
    return PurchaseOrderLine(
        org_id=order.org_id,
        order_id=order.id,
        position=position,
        product_id=one.asked.product_id,
        description=one.asked.description,
        quantity=one.award.quantity,
        unit_price=one.bid.unit_price,
        promised_on=day + timedelta(days=days) if days is not None else None,
        award_id=one.award.id,
    )
