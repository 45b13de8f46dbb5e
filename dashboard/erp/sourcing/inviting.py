"""Owns inviting after a request was sent, and sending a link again. Callers commit."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.erp.sourcing import mails, queries
from dashboard.erp.sourcing.models import Rfq, RfqInvitation
from dashboard.erp.suppliers.models import Supplier, SupplierStatus


def get_rfq(session: Session, rfq_id: int) -> Rfq:
    """The request. Raises NotFoundError, also for a deleted one."""
    rfq = session.get(Rfq, rfq_id)
    if rfq is None or rfq.deleted_at:
        raise NotFoundError(f"There is no RFQ with the number {rfq_id}.")
    return rfq


def invite(session: Session, rfq: Rfq, supplier_id: int) -> RfqInvitation:
    """Invite one more supplier to a request that is open for bids, and mail the invitation.

    Raises ConflictError when it takes no bids, InvalidInputError for a supplier who cannot be invited.
    """
    session.refresh(rfq, with_for_update=True)
    if reason := queries.why_no_bids(session, rfq):
        raise ConflictError(reason, fix="Only a request that takes bids can have further invitations.")
    supplier = session.get(Supplier, supplier_id)
    if supplier is None or supplier.deleted_at or supplier.org_id != rfq.org_id:
        raise _refused("Choose a supplier of the same organization.")
    if supplier.status == SupplierStatus.BLOCKED:
        raise _refused(f"{supplier.name} is blocked.")
    known = select(RfqInvitation.id).where(
        RfqInvitation.rfq_id == rfq.id, RfqInvitation.supplier_id == supplier.id
    )
    if session.scalar(known):
        raise _refused(f"{supplier.name} is invited already.")
    invitation = RfqInvitation(
        org_id=rfq.org_id, rfq_id=rfq.id, supplier_id=supplier.id, invited_at=datetime.now(UTC)
    )
    session.add(invitation)
    session.flush()
    mails.write(session, rfq, supplier, mails.INVITATION)
    return invitation


def send_again(session: Session, rfq: Rfq, invitation_id: int) -> RfqInvitation:
    """Mail the invitation again with a new link; older links open nothing any more. Raises as `invite`."""
    invitation = session.get(RfqInvitation, invitation_id, with_for_update=True)
    if invitation is None or invitation.rfq_id != rfq.id:
        raise NotFoundError("There is no such invitation.")
    if reason := queries.why_no_bids(session, rfq):
        raise ConflictError(reason, fix="Put the deadline off first.")
    invitation.link_serial += 1
    invitation.invited_at = invitation.invited_at or datetime.now(UTC)
    session.flush()
    mails.write(session, rfq, invitation.supplier, mails.INVITATION)
    return invitation


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError(message, fields={"supplier_id": message})
