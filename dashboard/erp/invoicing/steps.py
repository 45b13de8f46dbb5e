"""Owns the steps of a supplier's invoice: draft → matched or mismatched → approved → paid; void."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.invoicing.matching import match
from dashboard.erp.invoicing.models import InvoiceStatus, SupplierInvoice
from dashboard.erp.purchasing.models import PurchaseOrder
from dashboard.erp.workflow.service import register
from dashboard.erp.workflow.steps import Ask, Guard, Transition, Values, Workflow

Status = InvoiceStatus
OPEN = frozenset({Status.DRAFT, Status.MATCHED, Status.MISMATCHED})


def _lock_order(session: Session, invoice: Any) -> None:
    """Two invoices of one order are matched one after the other, or both would find the quantity free."""
    session.execute(select(PurchaseOrder.id).where(PurchaseOrder.id == invoice.order_id).with_for_update())


def _match(session: Session, invoice: Any, _values: Values) -> None:
    _lock_order(session, invoice)
    invoice.status = Status.MATCHED if match(session, invoice).holds else Status.MISMATCHED
    invoice.matched_at = datetime.now(UTC)


def _still_matches(session: Session, invoice: Any, _values: Values) -> str:
    _lock_order(session, invoice)
    found = match(session, invoice)
    problems = [*found.problems, *(words for line in found.lines for words in line.problems)]
    return " ".join(problems)


MATCHES = Guard("Three-way match", _still_matches, "Match it again, then release it with a reason.")

STEPS = (
    Transition(
        "match",
        "Match",
        OPEN,
        None,
        before=_match,
        means=("Quantities and prices are compared with the order and its receipts.",),
        icon="scale",
        style="primary",
        offered=lambda invoice: invoice.status != Status.MATCHED,
    ),
    Transition(
        "approve",
        "Approve",
        frozenset({Status.MATCHED}),
        Status.APPROVED,
        guards=(MATCHES,),
        means=("The invoice may be paid; it cannot be changed any more.",),
        icon="check",
        style="primary",
    ),
    Transition(
        "rematch",
        "Match again",
        frozenset({Status.MATCHED}),
        None,
        before=_match,
        means=("Quantities and prices are compared with the order and its receipts.",),
        icon="refresh",
    ),
    Transition(
        "release",
        "Release",
        frozenset({Status.MISMATCHED}),
        Status.APPROVED,
        asks=(Ask("release_reason", "Reason", required=True),),
        means=("The invoice may be paid although it does not match.", "The reason stays with it."),
        icon="lock-open",
    ),
    Transition(
        "pay",
        "Mark as paid",
        frozenset({Status.APPROVED}),
        Status.PAID,
        means=("The invoice counts as paid.",),
        icon="cash",
        style="primary",
    ),
    Transition(
        "void",
        "Void",
        OPEN | {Status.APPROVED},
        Status.VOID,
        means=("The invoice stays on record and no longer counts.",),
        icon="ban",
        style="danger",
    ),
)
WORKFLOW = register(Workflow("supplier_invoice", "supplier invoice", SupplierInvoice, STEPS))
