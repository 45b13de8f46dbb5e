"""Owns the steps of an order: draft → to approve → approved → sent → acknowledged → received → closed.

Orders above the organization's threshold are approved by somebody else than who entered or submitted them;
administrators are no exception.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from dashboard.collaboration.service import notify
from dashboard.core.filters import money
from dashboard.erp.messages import service as messages
from dashboard.erp.purchasing import approval
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderStatus, Receipt
from dashboard.erp.suppliers.models import SupplierStatus
from dashboard.erp.workflow.service import register
from dashboard.erp.workflow.steps import Ask, Guard, Transition, Values, Workflow

Status = PurchaseOrderStatus
RECEIVING = frozenset({Status.SENT, Status.ACKNOWLEDGED, Status.PART_RECEIVED})
CANCELLABLE = frozenset({Status.DRAFT, Status.TO_APPROVE, Status.APPROVED, Status.SENT, Status.ACKNOWLEDGED})


def _has_lines(session: Session, order: Any, _values: Values) -> str:
    found = session.scalar(
        select(PurchaseOrderLine.id).where(PurchaseOrderLine.order_id == order.id).limit(1)
    )
    return "" if found else "The order has no lines."


def _supplier_open(_session: Session, order: Any, _values: Values) -> str:
    if order.supplier.deleted_at or order.supplier.status in {
        SupplierStatus.BLOCKED,
        SupplierStatus.INACTIVE,
    }:
        words = "deleted" if order.supplier.deleted_at else order.supplier.status
        return f"{order.supplier.name} is {words}."
    return ""


def _below_threshold(session: Session, order: Any, _values: Values) -> str:
    if not approval.needs_approval(session, order):
        return ""
    org = order.organization
    value = money(approval.base_value(session, order), org.base_currency)
    return f"{value} is above the threshold of {money(org.approval_threshold, org.base_currency)}."


def _other_person(session: Session, order: Any, _values: Values) -> str:
    if approval.is_own(session, order, approval.acting(session)):
        return "You entered or submitted this order yourself."
    return ""


def _nothing_received(session: Session, order: Any, _values: Values) -> str:
    found = session.scalar(select(Receipt.id).where(Receipt.order_id == order.id).limit(1))
    return "Goods were received on it already." if found else ""


def _reachable(session: Session, order: Any, _values: Values) -> str:
    return "" if messages.address_of(session, order.supplier) else messages.NO_ADDRESS


def _needs_approval(order: Any) -> bool:
    session = object_session(order)
    return session is not None and approval.needs_approval(session, order)


def _tell_approvers(session: Session, order: Any, _values: Values) -> None:
    approval.tell_approvers(session, order)


def _stamp_approval(session: Session, order: Any, _values: Values) -> None:
    order.approved_at, order.approved_by = datetime.now(UTC), approval.acting(session) or None


def _take_approval(_session: Session, order: Any, values: Values) -> None:
    order.approved_at = order.approved_by = None
    _add_note(order, values)


def _stamp_sent(_session: Session, order: Any, _values: Values) -> None:
    order.sent_at = datetime.now(UTC)


def _stamp_acknowledged(_session: Session, order: Any, _values: Values) -> None:
    order.acknowledged_at = datetime.now(UTC)


def _close_short(_session: Session, order: Any, values: Values) -> None:
    _add_note(order, values)


def _add_note(order: Any, values: Values) -> None:
    if reason := values.get("reason"):
        order.note = f"{order.note}\n{reason}" if order.note else str(reason)


def _free_awards(session: Session, order: Any, _values: Values) -> None:
    for line in session.scalars(select(PurchaseOrderLine).where(PurchaseOrderLine.order_id == order.id)):
        line.award_id = None


def _mail(session: Session, order: Any, values: Values) -> None:
    words = values.get("words") or "please find our purchase order attached."
    body = f"Hello,\n\n{words}\n\n{order.organization.name}"
    messages.write(
        session,
        order.supplier,
        f"Purchase order {order.number}",
        body,
        rfq_id=order.rfq_id,
        order_id=order.id,
    )


def _mail_cancellation(session: Session, order: Any, values: Values) -> None:
    if order.sent_at:
        body = (
            f"Hello,\n\nwe have cancelled our purchase order {order.number}: {values['cancel_reason']}\n\n"
            f"{order.organization.name}"
        )
        subject = f"Purchase order {order.number} is cancelled"
        messages.write(session, order.supplier, subject, body, rfq_id=order.rfq_id, order_id=order.id)


def _tell(words: str) -> Any:
    """Tell the buyer and who entered the order, except the person who does the step."""

    def tell(session: Session, order: PurchaseOrder, _values: Values) -> None:
        people = {order.created_by or "", order.buyer.email if order.buyer else ""}
        people -= {approval.acting(session)}
        named = sorted(person for person in people if "@" in person)
        notify(session, named, f"{order.number} {words}", entity="purchase_order", record_id=order.id)

    return tell


LINES = Guard("Lines", _has_lines, "Edit the order and enter what is ordered.")
SUPPLIER = Guard("Supplier", _supplier_open, "Choose another supplier, or make this one active.")
THRESHOLD = Guard("Approval", _below_threshold, "Submit it for approval.")
FOUR_EYES = Guard("Four eyes", _other_person, "Ask a colleague to approve it.")
UNTOUCHED = Guard("No receipt", _nothing_received, "Close the order instead.")
ADDRESS = Guard(
    "Address",
    _reachable,
    "Enter an e-mail address at the supplier, or mark the order as sent after sending it.",
)
REASON = Ask("reason", "Reason", required=True, stored=False, help="It is added to the note of the order.")

STEPS = (
    Transition(
        "submit",
        "Submit for approval",
        frozenset({Status.DRAFT}),
        Status.TO_APPROVE,
        guards=(LINES, SUPPLIER),
        after=_tell_approvers,
        means=(
            "The order gets its number.",
            "Somebody else has to approve it before it can be sent: whoever may is told, here and by mail.",
        ),
        icon="user-check",
        style="primary",
        offered=_needs_approval,
    ),
    Transition(
        "release",
        "Release",
        frozenset({Status.DRAFT}),
        Status.APPROVED,
        guards=(LINES, SUPPLIER, THRESHOLD),
        means=("The order gets its number and can be sent.",),
        icon="check",
        style="primary",
        offered=lambda order: not _needs_approval(order),
    ),
    Transition(
        "approve",
        "Approve",
        frozenset({Status.TO_APPROVE}),
        Status.APPROVED,
        guards=(LINES, SUPPLIER, FOUR_EYES),
        before=_stamp_approval,
        after=_tell("was approved"),
        means=("The order can be sent.",),
        icon="check",
        style="primary",
    ),
    Transition(
        "send",
        "Send to the supplier",
        frozenset({Status.APPROVED}),
        Status.SENT,
        guards=(SUPPLIER, ADDRESS),
        asks=(Ask("words", "Words to the supplier", stored=False, help="The order goes with it as a PDF."),),
        before=_stamp_sent,
        after=_mail,
        means=(
            "A mail with the order as a PDF goes to the supplier.",
            "Its lines cannot be changed any more.",
        ),
        icon="send",
        style="primary",
    ),
    Transition(
        "mark_sent",
        "Mark as sent",
        frozenset({Status.APPROVED}),
        Status.SENT,
        guards=(SUPPLIER,),
        before=_stamp_sent,
        means=("No mail is sent: you have sent the order yourself.", "Its lines cannot be changed any more."),
        icon="mail-check",
    ),
    Transition(
        "acknowledge",
        "Acknowledged",
        frozenset({Status.SENT}),
        Status.ACKNOWLEDGED,
        before=_stamp_acknowledged,
        means=("The supplier has confirmed the order.",),
        icon="circle-check",
    ),
    Transition("receive_part", "Received in part", RECEIVING, Status.PART_RECEIVED, automatic=True),
    Transition("receive_all", "Received", RECEIVING, Status.RECEIVED, automatic=True),
    Transition(
        "close",
        "Close",
        frozenset({Status.RECEIVED}),
        Status.CLOSED,
        means=("Nothing more is expected of this order.",),
        icon="circle-minus",
    ),
    Transition(
        "close_short",
        "Close short",
        frozenset({Status.PART_RECEIVED}),
        Status.CLOSED,
        asks=(REASON,),
        before=_close_short,
        means=("What is still open will not be delivered.",),
        icon="circle-minus",
    ),
    Transition(
        "send_back",
        "Send back",
        frozenset({Status.TO_APPROVE, Status.APPROVED}),
        Status.DRAFT,
        asks=(REASON,),
        before=_take_approval,
        after=_tell("was sent back"),
        means=("The order can be changed and has to be submitted again.",),
        icon="arrow-back-up",
    ),
    Transition(
        "cancel",
        "Cancel",
        CANCELLABLE,
        Status.CANCELLED,
        guards=(UNTOUCHED,),
        asks=(Ask("cancel_reason", "Reason", required=True),),
        before=_free_awards,
        after=_mail_cancellation,
        means=("The order stays on record with its number.", "The supplier is told if it was sent."),
        icon="ban",
        style="danger",
        offered=lambda order: order.number is not None,
    ),
)
WORKFLOW = register(Workflow("purchase_order", "purchase order", PurchaseOrder, STEPS))
