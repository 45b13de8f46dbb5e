"""The timed job that reads the headline figures of every active tenant."""

from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dashboard.core.errors import DashboardError
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.kpis.tenants_view import service
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import list_active
from dashboard.tenancy.scope import use_tenant
from dashboard.users.control import own_session

log = structlog.get_logger()


@job(
    "insights.headlines",
    title="Read headline figures of all tenants",
    queue="insights",
    permission="insights.tenants.edit",
    lock="insights.headlines",
    timeout=900,
    quiet=True,
)
def headlines(run: Run) -> dict[str, object]:
    """Read each tenant; one that cannot be read keeps what it had, and shows how old that is."""
    tenants, failed = list_active(), []
    for tenant in tenants:
        run.check_cancelled()
        try:
            read_tenant(tenant, datetime.now(UTC), str(run.id))
        except (SQLAlchemyError, DashboardError) as error:
            log.exception("headlines_not_read", tenant=tenant.slug)
            run.log(f"{tenant.slug}: {type(error).__name__}")
            failed.append(tenant.slug)
    with own_session() as session:
        service.forget_others(session, [tenant.id for tenant in tenants])
        session.commit()
    return {"tenants": len(tenants) - len(failed), "failed": failed}


def read_tenant(tenant: TenantRef, now: datetime, request_id: str = "") -> int:
    """Read one tenant and keep its figures; returns how many."""
    with use_tenant(tenant, actor=SYSTEM_ACTOR, request_id=request_id) as session:
        rows = service.read(session, tenant, now)
        session.rollback()
    with own_session() as session:
        service.keep(session, tenant.id, rows)
        session.commit()
    return len(rows)
