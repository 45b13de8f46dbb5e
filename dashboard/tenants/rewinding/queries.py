"""Reads of rewinds: the list, one of them, and whether a job is at work on a tenant."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.core.errors import NotFoundError
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.rewinding.models import Rewind, RewindStatus

SHOWN = 50
LEDGER = text(
    "SELECT applied_at, coalesce(from_revision, 'nothing') AS before, to_revision AS after"
    " FROM public.tenant_revision WHERE tenant_id = :tenant ORDER BY applied_at, id"
)


def lock_of(tenant: str) -> str:
    """The lock that every job of the time machine holds for a tenant."""
    return f"rewind:{tenant}"


def get_rewind(session: Session, rewind_id: int) -> Rewind:
    """Return a rewind as it stands in the database now. Raises NotFoundError."""
    found = session.get(Rewind, rewind_id, populate_existing=True)
    if found is None:
        raise NotFoundError("There is no such rewind.")
    return found


def list_rewinds(session: Session) -> Sequence[Rewind]:
    """The newest rewinds."""
    return list(session.scalars(select(Rewind).order_by(Rewind.id.desc()).limit(SHOWN)))


def find_open(session: Session, tenant: str) -> Rewind | None:
    """The rewind that keeps another one of the tenant from beginning, if any."""
    statuses = (RewindStatus.PREPARING, RewindStatus.READY, RewindStatus.SWAPPED)
    return session.scalar(select(Rewind).where(Rewind.tenant == tenant, Rewind.status.in_(statuses)))


def find_running(session: Session, tenant: str) -> JobRun | None:
    """The job of the time machine that is under way for a tenant, or waits to be."""
    query = select(JobRun).where(JobRun.lock == lock_of(tenant), JobRun.status.in_(ACTIVE))
    return session.scalar(query.order_by(JobRun.enqueued_at).limit(1))


def migrations_since(session: Session, tenant: TenantRef, at: datetime) -> list[tuple[datetime, str, str]]:
    """Migrations of a tenant after a moment: when, from, to. The first one of all made its tables."""
    rows = session.execute(LEDGER, {"tenant": tenant.id})
    return [(row.applied_at, row.before, row.after) for row in rows if row.applied_at > at]
