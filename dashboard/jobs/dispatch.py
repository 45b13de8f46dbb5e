"""Owns the way of a run from its row to RQ."""

from uuid import UUID

import structlog
from sqlalchemy import func, update

from dashboard.jobs import broker
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.registry import find_job
from dashboard.jobs.store import control_transaction

log = structlog.get_logger()
TIMEOUT_OF_UNKNOWN_JOB = 60


def dispatch(run: JobRun) -> bool:
    """Push a queued run to its queue. False when the broker is away: the relay pushes it later."""
    spec = find_job(run.job)
    timeout = spec.timeout if spec else TIMEOUT_OF_UNKNOWN_JOB
    try:
        rq_job_id = broker.push(run.id, run.queue, timeout=timeout, description=run.job)
    except broker.RedisError as error:
        log.warning("broker_unavailable", run=str(run.id), job=run.job, error=str(error))
        return False
    _note_pushed(run.id, rq_job_id)
    return True


def _note_pushed(run_id: UUID, rq_job_id: str) -> None:
    """Remember the push, unless a worker was quicker and has claimed the run."""
    pushed = (
        update(JobRun)
        .where(JobRun.id == run_id, JobRun.status == RunStatus.QUEUED)
        .values(pushed_at=func.clock_timestamp(), rq_job_id=rq_job_id)
    )
    with control_transaction() as session:
        session.execute(pushed)
