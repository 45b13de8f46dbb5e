"""Closes a tenant to people and jobs, and opens it again.

The registry says so to the application; PostgreSQL holds it: the application's login is no longer a member of
the tenant's role, so that code which forgets to ask cannot begin a transaction. Migrations, which grant
rights to the role and never the role itself, do not undo it, nor does the time machine.
"""

import time
from collections.abc import Callable

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.engine import make_url

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.jobs import service as jobs
from dashboard.jobs.access import IN_TENANT
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.jobs.registry import find_job
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Tenant, TenantRef, TenantStatus
from dashboard.tenancy.scope import quote

QUIET_SECONDS = 20.0
PAUSE_SECONDS = 0.2
AT_WORK = """
SELECT DISTINCT a.pid, a.usename, a.application_name FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.pid <> pg_backend_pid() AND a.datname = current_database()
    AND a.backend_type = 'client backend' AND c.relnamespace = to_regnamespace(quote_ident(:schema))
ORDER BY 1
"""


def suspend(tenant: TenantRef, reason: str, *, actor: str) -> int:
    """Close a tenant and cancel its jobs; returns how many. Raises ConflictError unless it is active."""
    with db.engines["owner"].begin() as connection:
        set_status(connection, tenant, TenantStatus.SUSPENDED, reason, was=TenantStatus.ACTIVE)
        close(connection, tenant)
    tenancy.forget()
    stopped = stop_jobs(tenant.slug, actor=actor)
    record_operation(
        "tenant.suspend", tenant.slug, tenant=tenant.slug, actor=actor, reason=reason, stopped=stopped
    )
    return stopped


def resume(tenant: TenantRef, *, actor: str) -> None:
    """Open a suspended tenant. Raises ConflictError unless it is suspended."""
    with db.engines["owner"].begin() as connection:
        set_status(connection, tenant, TenantStatus.ACTIVE, "", was=TenantStatus.SUSPENDED)
        reopen(connection, tenant)
    tenancy.forget()
    record_operation("tenant.resume", tenant.slug, tenant=tenant.slug, actor=actor)


def set_status(
    connection: Connection, tenant: TenantRef, status: TenantStatus, reason: str, *, was: TenantStatus
) -> None:
    """Move a tenant from one status to another. Raises ConflictError when it is not in the first."""
    moved = connection.execute(
        update(Tenant)
        .where(Tenant.id == tenant.id, Tenant.status == was)
        .values(status=status, status_reason=reason, status_since=func.clock_timestamp())
    )
    if not moved.rowcount:
        raise ConflictError(
            f"{tenant.name} is not {was} (any more).", fix="Open its page again to see what it is."
        )


def close(connection: Connection, tenant: TenantRef) -> None:
    """Take the tenant's role from the application's login; transactions that are open end by themselves."""
    connection.exec_driver_sql(f"REVOKE {quote(connection, tenant.role)} FROM {_login(connection)}")


def reopen(connection: Connection, tenant: TenantRef) -> None:
    """Give the tenant's role back to the application's login."""
    connection.exec_driver_sql(f"GRANT {quote(connection, tenant.role)} TO {_login(connection)}")


def _login(connection: Connection) -> str:
    return quote(connection, make_url(get_settings().database_url).username or "")


def stop_jobs(slug: str, *, actor: str) -> int:
    """Cancel what waits or runs inside a tenant; those that run are told and end at their next step."""
    with control_transaction() as session:
        rows = session.execute(
            select(JobRun.id, JobRun.job).where(JobRun.tenant == slug, JobRun.status.in_(ACTIVE))
        ).all()
    stopped = 0
    for run_id, name in rows:
        spec = find_job(name)
        if spec is None or spec.permission.startswith(IN_TENANT):
            try:
                jobs.cancel(run_id, actor=actor)
            except ConflictError:  # it ended by itself meanwhile
                continue
            stopped += 1
    return stopped


def wait_until_quiet(tenant: TenantRef, tick: Callable[[], None], seconds: float = QUIET_SECONDS) -> None:
    """Wait for open transactions in a closed tenant. Raises ConflictError naming the sessions that stay."""
    deadline = time.monotonic() + seconds
    while left := at_work(tenant):
        if time.monotonic() > deadline:
            raise ConflictError(
                f"Sessions are still at work in {tenant.name}: {', '.join(left)}.",
                fix="End them under Health, or wait, then ask again.",
            )
        tick()
        time.sleep(PAUSE_SECONDS)


def at_work(tenant: TenantRef) -> list[str]:
    """The sessions that hold locks in a tenant's schema, as people find them again."""
    with db.engines["owner"].begin() as connection:
        rows = connection.execute(text(AT_WORK), {"schema": tenant.schema})
        return [f"{row.pid} ({row.usename}, {row.application_name or 'no name'})" for row in rows]
