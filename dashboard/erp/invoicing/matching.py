"""Owns the three-way match: ordered, received and kept, invoiced, within the organization's tolerances."""

from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from dashboard.erp.invoicing.models import InvoiceLine, InvoiceStatus, SupplierInvoice
from dashboard.erp.purchasing.models import PurchaseOrder
from dashboard.erp.purchasing.receiving import Expected, expected_lines
from dashboard.erp.purchasing.typed import plain

PAYABLE = (InvoiceStatus.APPROVED, InvoiceStatus.PAID)


@dataclass(frozen=True)
class LineMatch:
    """One invoiced line beside what was ordered and kept; without problems it matches."""

    line: InvoiceLine
    label: str
    ordered: Decimal
    accepted: Decimal
    earlier: Decimal
    ordered_price: Decimal | None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Match:
    """The match of an invoice: line by line, and of the invoice as a whole."""

    lines: list[LineMatch]
    problems: list[str]

    @property
    def holds(self) -> bool:
        """Whether everything matches."""
        return not self.problems and not any(line.problems for line in self.lines)


def match(session: Session, invoice: SupplierInvoice) -> Match:
    """Compare an invoice with its order; reads only."""
    order = session.get_one(PurchaseOrder, invoice.order_id)
    expected = {one.line.id: one for one in expected_lines(session, order.id)}
    earlier = invoiced(session, order.id, before=invoice)
    lines = session.scalars(
        select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id).order_by(InvoiceLine.id)
    ).all()
    found = [_line(order, expected.get(line.order_line_id), earlier, line) for line in lines]
    return Match(found, _whole(session, order, invoice, has_lines=bool(found)))


def invoiced(session: Session, order_id: int, before: SupplierInvoice | None = None) -> dict[int, Decimal]:
    """Quantity invoiced by order line; `before` counts what came earlier than it or is released already."""
    statement = (
        select(InvoiceLine.order_line_id, func.sum(InvoiceLine.quantity).label("quantity"))
        .join(SupplierInvoice, SupplierInvoice.id == InvoiceLine.invoice_id)
        .where(SupplierInvoice.order_id == order_id, *_counting(before))
        .group_by(InvoiceLine.order_line_id)
    )
    return {row.order_line_id: row.quantity for row in session.execute(statement)}


def _counting(before: SupplierInvoice | None) -> list[ColumnElement[bool]]:
    live = [SupplierInvoice.deleted_at.is_(None), SupplierInvoice.status != InvoiceStatus.VOID]
    if before is None:
        return live
    earlier = or_(SupplierInvoice.id < before.id, SupplierInvoice.status.in_(PAYABLE))
    return [*live, SupplierInvoice.id != before.id, earlier]


def _line(
    order: PurchaseOrder, expected: Expected | None, earlier: dict[int, Decimal], line: InvoiceLine
) -> LineMatch:
    if expected is None:
        words = ["This line is not on the order."]
        return LineMatch(line, str(line.order_line), Decimal(0), Decimal(0), Decimal(0), None, words)
    before = earlier.get(line.order_line_id, Decimal(0))
    price = expected.line.unit_price
    problems = [
        *_quantity_problem(order, expected, before, line.quantity),
        *_price_problem(order, price, line.unit_price),
    ]
    name = str(expected.line)
    return LineMatch(line, name, expected.line.quantity, expected.accepted, before, price, problems)


def _quantity_problem(
    order: PurchaseOrder, expected: Expected, before: Decimal, quantity: Decimal
) -> list[str]:
    factor = 1 + order.organization.quantity_tolerance_percent / 100
    whole = before + quantity
    if whole > expected.accepted * factor:
        words = f" with {plain(before)} before" if before else ""
        return [f"{plain(quantity)} are invoiced{words}, {plain(expected.accepted)} were kept."]
    if whole > expected.line.quantity * factor:
        return [f"{plain(whole)} are invoiced, {plain(expected.line.quantity)} were ordered."]
    return []


def _price_problem(order: PurchaseOrder, ordered: Decimal, asked: Decimal) -> list[str]:
    allowed = ordered * order.organization.price_tolerance_percent / 100
    if abs(asked - ordered) <= allowed:
        return []
    return [f"The price is {plain(asked)}, ordered at {plain(ordered)}."]


def _whole(session: Session, order: PurchaseOrder, invoice: SupplierInvoice, *, has_lines: bool) -> list[str]:
    problems = [] if has_lines else ["The invoice has no lines."]
    if invoice.currency != order.currency:
        problems.append(f"It is in {invoice.currency}, the order in {order.currency}.")
    if invoice.supplier_id != order.supplier_id:
        problems.append("It comes from another supplier than the order went to.")
    before = session.scalar(
        select(func.coalesce(func.sum(SupplierInvoice.freight), 0)).where(
            SupplierInvoice.order_id == order.id,
            *_counting(invoice),
        )
    ) or Decimal(0)
    allowed = order.freight * (1 + order.organization.price_tolerance_percent / 100)
    if before + invoice.freight > allowed:
        problems.append(f"Freight is {plain(before + invoice.freight)}, ordered with {plain(order.freight)}.")
    return problems
