"""Owns what is kept of finished runs: a schedule's last one, a quiet job's few, and the clean-up."""

from datetime import timedelta

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from dashboard.jobs.models import FINISHED, JobRun, RunStatus, ScheduleState
from dashboard.jobs.registry import JobSpec
from dashboard.jobs.store import control_transaction

QUIET_FAILURES = 20
KEEP_DAYS = 90


def note_finished(session: Session, run: JobRun, spec: JobSpec | None) -> None:
    """Tell the schedule how its run ended, and forget what a quiet job need not keep."""
    if run.schedule:
        session.execute(
            update(ScheduleState)
            .where(ScheduleState.name == run.schedule)
            .values(
                last_run_id=run.id,
                last_run_at=run.started_at or run.finished_at,
                last_status=run.status,
                last_duration=run.seconds,
            )
        )
    if spec and spec.quiet:
        _forget_quiet(session, run)


def _forget_quiet(session: Session, run: JobRun) -> None:
    """Keep the last success and the last failures of the same work."""
    same = (
        JobRun.job == run.job,
        JobRun.args == run.args,
        JobRun.tenant.is_not_distinct_from(run.tenant),
        JobRun.id != run.id,
    )
    if run.status == RunStatus.SUCCEEDED:
        session.execute(delete(JobRun).where(*same, JobRun.status == RunStatus.SUCCEEDED))
        return
    beyond = (
        select(JobRun.id)
        .where(*same, JobRun.status.in_(FINISHED), JobRun.status != RunStatus.SUCCEEDED)
        .order_by(JobRun.enqueued_at.desc())
        .offset(QUIET_FAILURES - 1)
    )
    session.execute(delete(JobRun).where(JobRun.id.in_(beyond)))


def prune(days: int = KEEP_DAYS) -> int:
    """Delete runs that finished more than `days` ago, with their logs. Returns how many."""
    old = delete(JobRun).where(
        JobRun.status.in_(FINISHED), JobRun.finished_at < func.now() - timedelta(days=days)
    )
    with control_transaction() as session:
        result = session.execute(old)
    return result.rowcount if isinstance(result, CursorResult) else 0
