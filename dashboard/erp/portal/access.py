"""Owns who may pass: a genuine, current link binds the request to its tenant, and to nothing else."""

from dataclasses import dataclass
from http import HTTPStatus

from flask import g
from sqlalchemy.orm import Session

from dashboard.core.errors import DashboardError
from dashboard.erp.portal import links
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqStatus
from dashboard.erp.suppliers.models import Supplier, SupplierStatus
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef, TenantStatus
from dashboard.tenancy.scope import bind_session


class LinkVoidError(DashboardError):
    """The link opens nothing (any more); message and fix are for the supplier."""

    status = HTTPStatus.GONE


class ClosedError(LinkVoidError):
    """The buyer's side is suspended; the link may open again."""

    status = HTTPStatus.LOCKED


@dataclass(frozen=True)
class Visit:
    """An invited supplier in front of the request."""

    tenant: TenantRef
    invitation: RfqInvitation
    rfq: Rfq
    supplier: Supplier

    @property
    def actor(self) -> str:
        """How the history names what was done here."""
        return f"{self.supplier.name} (supplier)"


def enter(session: Session, key: str) -> Visit:
    """Open a link. Raises LinkVoidError, ClosedError."""
    link = links.read(key)
    tenant = _tenant(link.tenant_id) if link else None
    if link is None or tenant is None:
        raise LinkVoidError(
            "This link is not complete or was not made here.",
            fix="Open it from the mail again, in one piece.",
        )
    if tenant.status != TenantStatus.ACTIVE:
        raise ClosedError(
            f"{tenant.name} takes no answers on this page at present.",
            fix="Your invitation and what you sent are kept. Ask the buyer who invited you.",
        )
    session.rollback()  # the request's first transaction belongs to no tenant
    bind_session(session, tenant, actor="supplier", request_id=g.get("request_id", ""))
    g.tenant = tenant
    visit = _visit(session, tenant, link)
    bind_session(session, tenant, actor=visit.actor, request_id=g.get("request_id", ""))
    session.connection().exec_driver_sql("SET LOCAL steward.actor = %s", (visit.actor,))
    return visit


def _tenant(tenant_id: int) -> TenantRef | None:
    known = tenancy.known_tenants()
    return next((one for one in known if one.id == tenant_id), None)


def _visit(session: Session, tenant: TenantRef, link: links.Link) -> Visit:
    invitation = session.get(RfqInvitation, link.invitation_id)
    if invitation is None:
        raise LinkVoidError("This invitation was withdrawn.", fix="Ask the buyer if you expect one.")
    if invitation.link_serial != link.serial:
        raise LinkVoidError(
            "This link was replaced by a newer one.", fix="Look for the latest mail about this request."
        )
    rfq, supplier = invitation.rfq, invitation.supplier
    is_out = rfq.deleted_at or supplier.deleted_at or supplier.status == SupplierStatus.BLOCKED
    if is_out or rfq.status == RfqStatus.DRAFT:
        raise LinkVoidError("This request is not open to you.", fix="Ask the buyer.")
    if not rfq.organization.supplier_links:
        raise LinkVoidError(
            f"{rfq.organization.name} takes no answers on this page.", fix="Send your quote to the buyer."
        )
    if rfq.deadline is None or seals.clock(session) > rfq.deadline + links.GRACE:
        raise LinkVoidError("This link has expired.", fix="Ask the buyer.")
    return Visit(tenant, invitation, rfq, supplier)
