"""Owns writing messages to suppliers and delivering them by mail. Callers commit.

The secret link of an invited supplier is never stored: the body holds a mark, which delivery fills in.
"""

from datetime import timedelta

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, DashboardError
from dashboard.core.mail import send_mail
from dashboard.erp.documents import service as documents
from dashboard.erp.messages.models import Direction, Message
from dashboard.erp.portal import links
from dashboard.erp.sourcing.models import RfqInvitation
from dashboard.erp.suppliers.models import Supplier, SupplierContact
from dashboard.jobs import service as jobs

LINK = "[your personal link]"
NO_ADDRESS = "No e-mail address of this supplier is known."
RETRIED_FOR = timedelta(days=3)
RETRIED_EVERY = timedelta(minutes=10)
FIRST_WAIT = timedelta(seconds=20)


def address_of(session: Session, supplier: Supplier) -> str | None:
    """Where mail to a supplier goes: the first contact with an address, else the supplier's own."""
    contact = (
        select(SupplierContact.email)
        .where(SupplierContact.supplier_id == supplier.id, SupplierContact.email.is_not(None))
        .order_by(SupplierContact.is_primary.desc(), SupplierContact.position, SupplierContact.id)
        .limit(1)
    )
    return session.scalar(contact) or supplier.email


def write(
    session: Session,
    supplier: Supplier,
    subject: str,
    body: str,
    *,
    rfq_id: int | None = None,
    order_id: int | None = None,
    queued: bool = True,
) -> Message:
    """Write a message and ask for its delivery with the caller's commit.

    `queued=False` leaves it to the minute's sweep, for writers that are no operators. Without an address the
    message is kept with that as its error.
    """
    address = address_of(session, supplier)
    message = Message(
        org_id=supplier.org_id,
        supplier_id=supplier.id,
        rfq_id=rfq_id,
        order_id=order_id,
        direction=Direction.OUTBOUND,
        subject=" ".join(subject.split()),
        body=body,
        address=address,
        delivery_error=None if address else NO_ADDRESS,
    )
    session.add(message)
    session.flush()
    if address and queued:
        _ask_for_delivery(session, message)
    return message


def retry(session: Session, message: Message) -> None:
    """Ask for another delivery, to the address known now. Raises ConflictError for one that arrived."""
    if message.delivered_at is not None or message.direction != Direction.OUTBOUND:
        raise ConflictError("This message needs no delivery.", fix="Write a new one instead.")
    message.address = address_of(session, message.supplier)
    if not message.address:
        raise ConflictError(NO_ADDRESS, fix="Enter an e-mail address at the supplier, then try again.")
    message.delivery_error = None
    session.flush()
    _ask_for_delivery(session, message)


def _ask_for_delivery(session: Session, message: Message) -> None:
    actor = session.scalar(text("SELECT current_setting('steward.actor', true)")) or "system"
    jobs.enqueue_with_change("messages.deliver", {"message_id": message.id}, actor=actor)


def deliver(session: Session, message_id: int, tenant_id: int) -> bool:
    """Send one message by mail and note how that went; whether it has gone (now or before).

    The row stays locked while the mail goes out, so that two deliverers do not both send it.
    """
    row = select(Message).where(Message.id == message_id).with_for_update(skip_locked=True)
    message = session.scalar(row.execution_options(populate_existing=True))
    if message is None or message.delivered_at is not None or not message.address:
        return message is not None and message.delivered_at is not None
    try:
        words, files = _words(session, message, tenant_id), documents.attachments_of(session, message)
        send_mail(message.address, message.subject or "Message", words, attachments=files)
    except DashboardError as error:
        message.delivery_error = error.message
        session.flush()
        return False
    message.delivered_at, message.delivery_error = func.clock_timestamp(), None
    session.flush()
    return True


def list_undelivered(session: Session) -> list[int]:
    """Messages to send now: those nobody picked up, and failed ones that may have better luck."""
    now = func.clock_timestamp()
    query = (
        select(Message.id)
        .where(
            Message.direction == Direction.OUTBOUND,
            Message.address.is_not(None),
            Message.delivered_at.is_(None),
            Message.deleted_at.is_(None),
            Message.created_at > now - RETRIED_FOR,
            or_(
                Message.delivery_error.is_(None) & (Message.created_at < now - FIRST_WAIT),
                Message.delivery_error.is_not(None) & (Message.updated_at < now - RETRIED_EVERY),
            ),
        )
        .order_by(Message.id)
        .limit(500)
    )
    return list(session.scalars(query))


def _words(session: Session, message: Message, tenant_id: int) -> str:
    if LINK not in message.body:
        return message.body
    invitation = session.scalar(
        select(RfqInvitation).where(
            RfqInvitation.rfq_id == message.rfq_id, RfqInvitation.supplier_id == message.supplier_id
        )
    )
    if invitation is None:
        return message.body.replace(LINK, "(the invitation was withdrawn)")
    link = links.make(links.Link(tenant_id, invitation.id, invitation.link_serial))
    return message.body.replace(LINK, link)
