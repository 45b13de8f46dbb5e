"""Owns the second check before a job runs: its actor may have left, or its tenant been closed, since."""

from dashboard.core.errors import ConflictError, ForbiddenError
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.registry import JobSpec
from dashboard.tenancy.models import TenantStatus
from dashboard.tenancy.queries import get_tenant
from dashboard.users.service import operator_can

# What works in a tenant's records; jobs of the database desk and of administrators also work on closed ones.
IN_TENANT = ("records.", "insights.")


def check_is_open(run: JobRun, spec: JobSpec) -> None:
    """Raise ConflictError for a job inside a tenant that is suspended or archived."""
    if run.tenant is None or not spec.permission.startswith(IN_TENANT):
        return
    tenant = get_tenant(run.tenant)
    if tenant.status != TenantStatus.ACTIVE:
        raise ConflictError(
            f"{tenant.name} is {tenant.status}: its jobs do not run.", fix="Retry it when it is resumed."
        )


def check_may_run(run: JobRun, spec: JobSpec) -> None:
    """Raise ForbiddenError unless the actor holds the job's permission now.

    The schedule itself may run everything, but nobody can borrow its name through a tenant's outbox.
    """
    if run.actor == SYSTEM_ACTOR and run.outbox_id is None:
        return
    if not operator_can(run.actor, spec.permission, run.tenant):
        raise ForbiddenError(f"{run.actor} may not run {spec.title} (any more): it needs {spec.permission}.")
