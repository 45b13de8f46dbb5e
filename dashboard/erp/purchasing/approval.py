"""Owns when an order needs a second person, who that may be, and that they are told."""

from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.audit.models import RowHistory
from dashboard.collaboration import people
from dashboard.collaboration.service import notify
from dashboard.core.filters import money
from dashboard.erp.comparison.queries import today_of
from dashboard.erp.currencies import queries as currencies
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderStatus
from dashboard.jobs import service as jobs
from dashboard.tenancy.scope import bound_tenant

MAIL_JOB = "purchasing.mail_approvers"


def base_value(session: Session, order: PurchaseOrder) -> Decimal:
    """What the order costs in the organization's currency, freight and duty with it.

    A rate typed too low is no way below the threshold: the known rate of the day counts where it is higher.
    """
    org = order.organization
    known = currencies.conversion(session, order.currency, org.base_currency, today_of(org))
    rate = max(order.fx_rate, known.rate) if known else order.fx_rate
    return (order.total + order.freight + order.duty) * rate


def needs_approval(session: Session, order: PurchaseOrder) -> bool:
    """Whether the order lies above the organization's threshold."""
    threshold = order.organization.approval_threshold
    return threshold is not None and base_value(session, order) > threshold


def acting(session: Session) -> str:
    """Who acts in this transaction, by e-mail; '' where nobody is known."""
    return str(session.scalar(text("SELECT current_setting('steward.actor', true)")) or "")


def is_own(session: Session, order: PurchaseOrder, person: str) -> bool:
    """Whether a person entered the order or asked for its approval."""
    asked = select(RowHistory.actor).where(
        RowHistory.table_name == "purchase_order",
        RowHistory.record_id == order.id,
        RowHistory.new["status"].astext == PurchaseOrderStatus.TO_APPROVE,
    )
    last = session.scalar(asked.order_by(RowHistory.id.desc()).limit(1))
    return person in {order.created_by, last}


def approvers(session: Session, order: PurchaseOrder) -> list[people.Person]:
    """Who may approve the order: holders of the permission, except its own people."""
    able = people.list_people(bound_tenant(session).slug, "records.purchase_order.approve")
    return [person for person in able if not is_own(session, order, person.email)]


def tell_approvers(session: Session, order: PurchaseOrder) -> None:
    """Notify those who may approve the order, and have them mailed with the caller's commit."""
    asker = acting(session)
    named = [person.email for person in approvers(session, order) if person.email != asker]
    if not named:
        return
    title = f"{order.number} waits for your approval"
    body = (
        f"{money(order.total, order.currency)} to {order.supplier.name}, submitted by {asker or 'somebody'}."
    )
    notify(session, named, title, entity="purchase_order", record_id=order.id, body=body)
    jobs.enqueue_with_change(MAIL_JOB, {"order_id": order.id, "asker": asker or "Somebody"}, actor=asker)
