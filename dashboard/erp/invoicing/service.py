"""Owns entering an invoice for an order, matched at once. Callers commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.invoicing.matching import invoiced
from dashboard.erp.invoicing.models import InvoiceLine, SupplierInvoice
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderStatus
from dashboard.erp.purchasing.receiving import Expected, expected_lines, get_order
from dashboard.erp.workflow.service import transition

BILLED = frozenset(
    {
        PurchaseOrderStatus.SENT,
        PurchaseOrderStatus.ACKNOWLEDGED,
        PurchaseOrderStatus.PART_RECEIVED,
        PurchaseOrderStatus.RECEIVED,
        PurchaseOrderStatus.CLOSED,
    }
)
MARKED = "Nothing was entered yet: please correct the marked fields."


@dataclass(frozen=True)
class Billable:
    """An order line with what was kept and what is invoiced already."""

    expected: Expected
    invoiced: Decimal

    @property
    def open(self) -> Decimal:
        """What was kept and is on no invoice; never below 0."""
        return max(self.expected.accepted - self.invoiced, Decimal(0))


@dataclass(frozen=True)
class Billed:
    """One line of an invoice as it was typed."""

    order_line_id: int
    quantity: Decimal
    unit_price: Decimal
    tax_percent: Decimal = Decimal(0)


@dataclass(frozen=True)
class Paper:
    """A supplier's invoice as it was typed."""

    number: str
    invoiced_on: date | None
    lines: Sequence[Billed]
    due_on: date | None = None
    freight: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)


def quantity_key(line_id: int) -> str:
    """Name of the form field of a line's quantity."""
    return f"quantity-{line_id}"


def price_key(line_id: int) -> str:
    """Name of the form field of a line's price."""
    return f"price-{line_id}"


def billable_lines(session: Session, order_id: int) -> list[Billable]:
    """The lines of an order with what may still be invoiced."""
    known = invoiced(session, order_id)
    return [Billable(one, known.get(one.line.id, Decimal(0))) for one in expected_lines(session, order_id)]


def enter(session: Session, order_id: int, paper: Paper) -> SupplierInvoice:
    """Enter an invoice and match it.

    Raises ConflictError for an order that was not sent, InvalidInputError with a message per field.
    """
    order = get_order(session, order_id)
    session.refresh(order, with_for_update=True)
    if order.status not in BILLED:
        words = str(order.status).replace("_", " ")
        raise ConflictError(f"An order that is {words} cannot be invoiced.", fix="It must have been sent.")
    lines = [line for line in paper.lines if line.quantity]
    known = {one.line.id for one in expected_lines(session, order_id)}
    if problems := _problems(paper, lines, known):
        raise InvalidInputError(MARKED, fields=problems)
    invoice = _store(session, order, paper, lines)
    transition(session, invoice, "match")
    return invoice


def _problems(paper: Paper, lines: Sequence[Billed], known: set[int]) -> dict[str, str]:
    problems = {} if paper.number else {"number": "Enter the supplier's number."}
    if paper.invoiced_on is None:
        problems["invoiced_on"] = "Enter the day of the invoice."
    elif paper.due_on and paper.due_on < paper.invoiced_on:
        problems["due_on"] = "It must not lie before the day of the invoice."
    problems |= {name: "It must not be negative." for name in ("freight", "tax") if getattr(paper, name) < 0}
    for line in lines:
        if line.order_line_id not in known:
            problems[quantity_key(line.order_line_id)] = "This line is not on the order."
        elif line.quantity < 0:
            problems[quantity_key(line.order_line_id)] = "It must be more than 0."
        if line.unit_price < 0:
            problems[price_key(line.order_line_id)] = "It must not be negative."
    return problems if lines else problems | {"lines": "Enter a quantity for at least one line."}


def _store(session: Session, order: PurchaseOrder, paper: Paper, lines: Sequence[Billed]) -> SupplierInvoice:
    invoice = SupplierInvoice(
        org_id=order.org_id,
        number=paper.number,
        supplier_id=order.supplier_id,
        order_id=order.id,
        invoiced_on=paper.invoiced_on,
        due_on=paper.due_on,
        currency=order.currency,
        freight=paper.freight,
        tax=paper.tax,
    )
    session.add(invoice)
    session.flush()
    for line in lines:
        values = {"quantity": line.quantity, "unit_price": line.unit_price, "tax_percent": line.tax_percent}
        session.add(
            InvoiceLine(
                org_id=order.org_id, invoice_id=invoice.id, order_line_id=line.order_line_id, **values
            )
        )
    session.flush()
    return invoice
