"""Owns receipts: what came is booked on the order and into stock in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.erp.inventory.models import MoveSource, StockMove, Warehouse
from dashboard.erp.purchasing.models import (
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    ReceiptLine,
)
from dashboard.erp.purchasing.steps import RECEIVING
from dashboard.erp.purchasing.typed import plain
from dashboard.erp.workflow.service import transition

CENT_PARTS = Decimal("0.0001")


@dataclass(frozen=True)
class Expected:
    """An order line with what came of it so far."""

    line: PurchaseOrderLine
    received: Decimal
    rejected: Decimal

    @property
    def accepted(self) -> Decimal:
        """What came and was kept."""
        return self.received - self.rejected

    @property
    def open(self) -> Decimal:
        """What is still to come; never below 0."""
        return max(self.line.quantity - self.accepted, Decimal(0))


@dataclass(frozen=True)
class Arrived:
    """What came of an order line now; `rejected` is part of `received`."""

    order_line_id: int
    received: Decimal
    rejected: Decimal = Decimal(0)


@dataclass(frozen=True)
class Delivery:
    """One delivery as a person books it. `version` is the order's when its page was opened."""

    arrived: Sequence[Arrived]
    version: int | None = None
    warehouse_id: int | None = None
    reference: str = ""
    received_at: datetime | None = None


def get_order(session: Session, order_id: int) -> PurchaseOrder:
    """The order. Raises NotFoundError, also for a deleted one."""
    order = session.get(PurchaseOrder, order_id)
    if order is None or order.deleted_at:
        raise NotFoundError(f"There is no purchase order with the number {order_id}.")
    return order


def expected_lines(session: Session, order_id: int) -> list[Expected]:
    """The lines of an order with what came of each so far."""
    sums = (
        select(
            ReceiptLine.order_line_id,
            func.sum(ReceiptLine.received).label("received"),
            func.sum(ReceiptLine.rejected).label("rejected"),
        )
        .join(Receipt, Receipt.id == ReceiptLine.receipt_id)
        .where(Receipt.order_id == order_id)
        .group_by(ReceiptLine.order_line_id)
        .subquery()
    )
    found = session.execute(
        select(PurchaseOrderLine, sums.c.received, sums.c.rejected)
        .options(joinedload(PurchaseOrderLine.product))
        .outerjoin(sums, sums.c.order_line_id == PurchaseOrderLine.id)
        .where(PurchaseOrderLine.order_id == order_id)
        .order_by(PurchaseOrderLine.position, PurchaseOrderLine.id)
    )
    return [Expected(line, came or Decimal(0), gone or Decimal(0)) for line, came, gone in found]


def receive(session: Session, order_id: int, delivery: Delivery) -> Receipt:
    """Book a delivery: receipt, stock moves and the order's state.

    Raises ConflictError where the order takes no delivery or has changed since, InvalidInputError with a
    message per field where a quantity or the warehouse is not allowed.
    """
    order = get_order(session, order_id)
    session.refresh(order, with_for_update=True)
    _check_state(order, delivery.version)
    came = [one for one in delivery.arrived if one.received or one.rejected]
    lines = {one.line.id: one for one in expected_lines(session, order_id)}
    warehouse_id = delivery.warehouse_id or order.warehouse_id
    problems = _problems(order, lines, came)
    stocked = [lines[one.order_line_id] for one in came if one.order_line_id in lines]
    problems |= _warehouse_problem(session, order, warehouse_id, stocked)
    if delivery.received_at and delivery.received_at > datetime.now(UTC):
        problems["received_on"] = "This day lies ahead."
    if problems:
        raise InvalidInputError("Nothing was booked yet: please correct the marked fields.", fields=problems)
    receipt = _book(session, order, delivery, came, warehouse_id)
    _move_stock(session, order, receipt, came, lines)
    _move_on(session, order)
    return receipt


def received_key(line_id: int) -> str:
    """Name of the form field of what came of a line."""
    return f"received-{line_id}"


def rejected_key(line_id: int) -> str:
    """Name of the form field of what was turned away of a line."""
    return f"rejected-{line_id}"


def _check_state(order: PurchaseOrder, version: int | None) -> None:
    if order.status not in RECEIVING:
        words = str(order.status).replace("_", " ")
        raise ConflictError(f"An order that is {words} takes no delivery.", fix="It must have been sent.")
    if version is not None and version != order.version:
        raise ConflictError(
            "The order has changed since this page was opened, perhaps by another receipt.",
            fix="Nothing was booked. Look at the open quantities again.",
        )


def _problems(order: PurchaseOrder, lines: dict[int, Expected], came: Iterable[Arrived]) -> dict[str, str]:
    tolerance = 1 + order.organization.quantity_tolerance_percent / 100
    problems: dict[str, str] = {}
    seen: set[int] = set()
    for one in came:
        expected = lines.get(one.order_line_id)
        key = received_key(one.order_line_id)
        if expected is None or one.order_line_id in seen:
            problems[key] = "This line is not on the order."
        elif one.received <= 0:
            problems[key] = "Enter how much came; what was turned away is part of it."
        elif not 0 <= one.rejected <= one.received:
            problems[rejected_key(one.order_line_id)] = "It must be between 0 and what came."
        elif expected.accepted + one.received - one.rejected > expected.line.quantity * tolerance:
            problems[key] = _too_much(order, expected)
        seen.add(one.order_line_id)
    return problems if seen else {"received": "Enter how much came of at least one line."}


def _too_much(order: PurchaseOrder, expected: Expected) -> str:
    percent = order.organization.quantity_tolerance_percent
    return (
        f"Ordered {plain(expected.line.quantity)}, accepted so far {plain(expected.accepted)}, open "
        f"{plain(expected.open)}: more is beyond the tolerance of {plain(percent)} %."
    )


def _warehouse_problem(
    session: Session, order: PurchaseOrder, warehouse_id: int | None, lines: Iterable[Expected]
) -> dict[str, str]:
    if not any(one.line.product_id for one in lines):
        return {}
    if warehouse_id is None:
        return {"warehouse_id": "Choose the warehouse the goods go to."}
    place = session.get(Warehouse, warehouse_id)
    if place is None or place.deleted_at or place.org_id != order.org_id:
        return {"warehouse_id": "This warehouse does not exist any more, or belongs to another organization."}
    return {}


def _book(
    session: Session,
    order: PurchaseOrder,
    delivery: Delivery,
    came: Iterable[Arrived],
    warehouse_id: int | None,
) -> Receipt:
    receipt = Receipt(
        org_id=order.org_id,
        order_id=order.id,
        warehouse_id=warehouse_id,
        reference=delivery.reference or None,
        received_at=delivery.received_at or func.now(),
    )
    session.add(receipt)
    session.flush()
    for one in came:
        session.add(
            ReceiptLine(
                org_id=order.org_id,
                receipt_id=receipt.id,
                order_line_id=one.order_line_id,
                received=one.received,
                rejected=one.rejected,
            )
        )
    session.flush()
    return receipt


def _move_stock(
    session: Session,
    order: PurchaseOrder,
    receipt: Receipt,
    came: Iterable[Arrived],
    lines: dict[int, Expected],
) -> None:
    """Put what was kept into stock at the order's price in the base currency.

    In the order of products, so that two receipts never wait for each other in a circle.
    """
    kept = [(lines[one.order_line_id].line, one.received - one.rejected) for one in came]
    for line, quantity in sorted(kept, key=lambda pair: (pair[0].product_id or 0, pair[0].id)):
        if line.product_id and quantity:
            cost = (line.unit_price * order.fx_rate).quantize(CENT_PARTS, ROUND_HALF_UP)
            session.add(
                StockMove(
                    org_id=order.org_id,
                    product_id=line.product_id,
                    warehouse_id=receipt.warehouse_id,
                    quantity=quantity,
                    unit_cost=cost,
                    source=MoveSource.RECEIPT,
                    reference=receipt.reference or order.number,
                    moved_at=receipt.received_at,
                )
            )
            session.flush()


def _move_on(session: Session, order: PurchaseOrder) -> None:
    """Move the order to its state; each receipt raises its version, so that a stale page is noticed."""
    complete = all(one.accepted >= one.line.quantity for one in expected_lines(session, order.id))
    order.updated_at = datetime.now(UTC)
    session.flush()
    transition(session, order, "receive_all" if complete else "receive_part")
