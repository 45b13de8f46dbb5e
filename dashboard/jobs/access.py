"""Owns the second check of a permission: the actor may have left since the job was asked for."""

from dashboard.core.errors import ForbiddenError
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.registry import JobSpec
from dashboard.users.service import operator_can


def check_may_run(run: JobRun, spec: JobSpec) -> None:
    """Raise ForbiddenError unless the actor holds the job's permission now.

    The schedule itself may run everything, but nobody can borrow its name through a tenant's outbox.
    """
    if run.actor == SYSTEM_ACTOR and run.outbox_id is None:
        return
    if not operator_can(run.actor, spec.permission, run.tenant):
        raise ForbiddenError(f"{run.actor} may not run {spec.title} (any more): it needs {spec.permission}.")
