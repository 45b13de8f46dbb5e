"""Reads of tenants' lives: the job at work on one, the archives, why one is closed."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.models import Domain, Tenant
from dashboard.tenants.lifecycle.models import TenantArchive

SHOWN = 200


def lock_of(slug: str) -> str:
    """The lock that every job of a tenant's life holds."""
    return f"tenant:{slug}"


def find_running(slug: str) -> JobRun | None:
    """The job of a tenant's life that is under way, or waits to be."""
    query = select(JobRun).where(JobRun.lock == lock_of(slug), JobRun.status.in_(ACTIVE))
    with control_transaction() as session:
        return session.scalar(query.order_by(JobRun.enqueued_at).limit(1))


def list_archives() -> Sequence[TenantArchive]:
    """The archives, newest first; those that are gone come last."""
    newest = (TenantArchive.gone_at.is_not(None), TenantArchive.created_at.desc(), TenantArchive.id.desc())
    with control_transaction() as session:
        return list(session.scalars(select(TenantArchive).order_by(*newest).limit(SHOWN)))


def get_archive(archive_id: int) -> TenantArchive:
    """Return an archive. Raises NotFoundError."""
    with control_transaction() as session:
        found = session.get(TenantArchive, archive_id)
    if found is None:
        raise NotFoundError("There is no such archive.")
    return found


def find_archive(tenant_id: int) -> TenantArchive | None:
    """The archive that an archived tenant comes back from."""
    query = select(TenantArchive).where(
        TenantArchive.tenant_id == tenant_id,
        TenantArchive.gone_at.is_(None),
        TenantArchive.restored_at.is_(None),
    )
    with control_transaction() as session:
        return session.scalar(query.order_by(TenantArchive.id.desc()).limit(1))


def get_row(tenant_id: int) -> Tenant:
    """The registry's row of a tenant, with what the cached reference leaves out. Raises NotFoundError."""
    with Session(db.engine, expire_on_commit=False) as session:
        found = session.get(Tenant, tenant_id)
    if found is None:
        raise NotFoundError("There is no such tenant (any more).")
    return found


def primary_host(tenant_id: int) -> str:
    """The primary domain of a tenant, empty where it has none."""
    with Session(db.engine) as session:
        query = select(Domain.host).where(Domain.tenant_id == tenant_id, Domain.is_primary)
        return session.scalar(query) or ""


def check_restorable(archive: TenantArchive) -> None:
    """Raise ConflictError for an archive that nothing can be brought back from."""
    if archive.gone_at is not None:
        raise ConflictError(f"The dump of {archive.name} is gone.", fix="Look for it in the copies off-site.")
    if archive.restored_at is not None:
        raise ConflictError(
            f"{archive.name} was restored from it already.",
            fix="Rewind the tenant instead, under Time machine.",
        )
