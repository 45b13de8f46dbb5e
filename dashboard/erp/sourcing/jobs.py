"""The timed job of sourcing: every minute, for every tenant, what deadlines demand and mails that wait."""

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.core.errors import DashboardError
from dashboard.erp.messages import service as messages
from dashboard.erp.sourcing import keeping
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import list_active
from dashboard.tenancy.scope import use_tenant

log = structlog.get_logger()


@job(
    "sourcing.keep",
    title="Open sealed bids, remind suppliers, deliver mails",
    queue="records",
    permission="records.rfq.edit",
    lock="sourcing",
    quiet=True,
)
def keep(run: Run) -> dict[str, object]:
    """Do what is due in every active tenant; trouble in one holds up no other."""
    done: dict[str, object] = {}
    for tenant in list_active():
        run.check_cancelled()
        try:
            done[tenant.slug] = keep_tenant(tenant, str(run.id))
        except (SQLAlchemyError, DashboardError) as error:
            log.exception("sourcing_not_kept", tenant=tenant.slug)
            run.log(f"{tenant.slug}: {type(error).__name__}")
    return done


def keep_tenant(tenant: TenantRef, request_id: str = "") -> dict[str, int]:
    """Do what is due in one tenant and deliver its waiting mails, each in a transaction of its own."""
    with use_tenant(tenant, actor=SYSTEM_ACTOR, request_id=request_id) as session:
        found = keeping.keep(session)
        session.commit()
        return found | {"mails": deliver_waiting(session, tenant.id)}


def deliver_waiting(session: Session, tenant_id: int) -> int:
    """Send the mails that wait; returns how many went. Commits after each, so that none goes twice."""
    waiting = messages.list_undelivered(session)
    session.commit()
    sent = 0
    for message_id in waiting:
        sent += messages.deliver(session, message_id, tenant_id)
        session.commit()
    return sent
