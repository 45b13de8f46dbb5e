"""The timed job that sends pages of insights by mail, in every active tenant."""

from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dashboard.core.config import Settings, get_settings
from dashboard.core.errors import DashboardError
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.kpis.mailing import queries, sending
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import list_active
from dashboard.tenancy.scope import use_tenant

log = structlog.get_logger()


@job(
    "insights.mail",
    title="Send insights by mail",
    queue="insights",
    permission=queries.EDIT,
    lock="insights.mail",
    timeout=1800,
    quiet=True,
)
def mail(run: Run) -> dict[str, object]:
    """Send what is due in every active tenant; trouble in one holds up no other."""
    done: dict[str, object] = {}
    for tenant in list_active():
        run.check_cancelled()
        try:
            sent = mail_tenant(tenant, get_settings(), datetime.now(UTC), str(run.id))
        except (SQLAlchemyError, DashboardError) as error:
            log.exception("mailings_not_sent", tenant=tenant.slug)
            run.log(f"{tenant.slug}: {type(error).__name__}")
            continue
        if sent:
            done[tenant.slug] = sent
    return done


def mail_tenant(tenant: TenantRef, settings: Settings, now: datetime, request_id: str = "") -> int:
    """Send what is due in one tenant; returns how many mails went."""
    with use_tenant(tenant, actor=SYSTEM_ACTOR, request_id=request_id) as session:
        due = queries.list_due(session, now)
        session.rollback()
        return sum(sending.send(session, each, tenant, settings, now).sent for each in due)
