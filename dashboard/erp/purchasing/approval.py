"""Owns when an order needs a second person, and who that may be."""

from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.audit.models import RowHistory
from dashboard.erp.comparison.queries import today_of
from dashboard.erp.currencies import queries as currencies
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderStatus


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
