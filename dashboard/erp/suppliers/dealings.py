"""Reads what we have to do with one supplier: requests, quotes, orders, certificates, contacts."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.purchasing.models import PurchaseOrder
from dashboard.erp.quotes.models import Quote
from dashboard.erp.sourcing.models import Rfq, RfqInvitation
from dashboard.erp.suppliers.models import SupplierCertificate, SupplierContact

LATEST = 6
SOON = timedelta(days=60)
OPEN = ("sent", "quoted")


@dataclass(frozen=True)
class OpenRequest:
    """A request the supplier is invited to; `answer` is the quote's status, declined, or empty."""

    rfq: Rfq
    answer: str


def open_requests(session: Session, supplier_id: int) -> list[OpenRequest]:
    """Requests it may still quote on or that wait for an award, the next deadline first."""
    query = (
        select(Rfq, RfqInvitation.declined_at, Quote.status)
        .join(RfqInvitation, RfqInvitation.rfq_id == Rfq.id)
        .outerjoin(
            Quote,
            (Quote.rfq_id == Rfq.id) & (Quote.supplier_id == supplier_id) & Quote.deleted_at.is_(None),
        )
        .where(RfqInvitation.supplier_id == supplier_id, Rfq.status.in_(OPEN), Rfq.deleted_at.is_(None))
        .order_by(Rfq.deadline, Rfq.id)
        .limit(LATEST)
    )
    return [
        OpenRequest(rfq, status or ("declined" if declined else ""))
        for rfq, declined, status in session.execute(query)
    ]


def latest_quotes(session: Session, supplier_id: int) -> list[tuple[Quote, Rfq]]:
    """The newest quotes with their requests; a total is None while unpriced or sealed."""
    query = (
        select(Quote, Rfq)
        .join(Rfq, Rfq.id == Quote.rfq_id)
        .where(Quote.supplier_id == supplier_id, Quote.deleted_at.is_(None))
        .order_by(Quote.id.desc())
        .limit(LATEST)
    )
    return [(quote, rfq) for quote, rfq in session.execute(query)]


def latest_orders(session: Session, supplier_id: int) -> list[PurchaseOrder]:
    """The newest orders."""
    query = select(PurchaseOrder).where(
        PurchaseOrder.supplier_id == supplier_id, PurchaseOrder.deleted_at.is_(None)
    )
    return list(session.scalars(query.order_by(PurchaseOrder.id.desc()).limit(LATEST)))


def contacts(session: Session, supplier_id: int) -> list[SupplierContact]:
    """Whom to reach, the first to call first."""
    query = select(SupplierContact).where(SupplierContact.supplier_id == supplier_id)
    order = (SupplierContact.is_primary.desc(), SupplierContact.position, SupplierContact.id)
    return list(session.scalars(query.order_by(*order).limit(20)))


def ending_certificates(session: Session, supplier_id: int) -> list[tuple[SupplierCertificate, bool]]:
    """Certificates that end within SOON or have ended (True), the oldest first."""
    today = datetime.now(UTC).date()
    query = (
        select(SupplierCertificate)
        .where(
            SupplierCertificate.supplier_id == supplier_id,
            SupplierCertificate.expires_on <= today + SOON,
        )
        .order_by(SupplierCertificate.expires_on, SupplierCertificate.id)
        .limit(LATEST)
    )
    return [(each, (each.expires_on or date.max) < today) for each in session.scalars(query)]
