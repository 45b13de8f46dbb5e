"""Owns the safety net: whatever a crash of a worker, broker or database left lying is taken up here.

It runs in the schedule process every few seconds and in every worker between jobs, so that it never depends
on Redis remembering anything. An advisory lock lets one at a time do it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import SQLAlchemyError

from dashboard.jobs import broker, history, locks, outbox
from dashboard.jobs.dispatch import dispatch
from dashboard.jobs.lines import write_line
from dashboard.jobs.models import FINISHED, JobRun, RunStatus
from dashboard.jobs.pace import pace
from dashboard.jobs.registry import find_job
from dashboard.jobs.store import control_transaction

log = structlog.get_logger()
LOCK = "jobs.relay"
BATCH = 200


@dataclass
class Relayed:
    """How many rows one pass moved."""

    from_outbox: int = 0
    lost: int = 0
    stopped: int = 0
    woken: int = 0
    pushed: int = 0


def relay_once() -> Relayed:
    """Take up everything that was left lying. Parts that are away are skipped and tried again next time."""
    done = Relayed()
    with suppress(SQLAlchemyError), locks.try_lock(LOCK) as lock:
        if lock is not None:
            done.from_outbox = _guarded("outbox", outbox.move)
            done.lost = _guarded("lost runs", _end_lost)
            done.stopped = _guarded("cancelled runs", _stop_cancelled)
            done.woken = _guarded("waiting runs", wake)
            done.pushed = _guarded("queued runs", _push_again)
    return done


def _guarded(part: str, work: Callable[[], int]) -> int:
    try:
        return work()
    except (SQLAlchemyError, broker.RedisError) as error:
        log.warning("relay_part_failed", part=part, error=str(error))
        return 0


def wake(lock: str | None = None) -> int:
    """Queue the oldest waiting run of each lock that is free again (or of the one given)."""
    with control_transaction() as session:
        candidates = list(session.scalars(_oldest_waiting(lock)))
    woken = 0
    for run in candidates:
        if locks.is_free(run.lock or ""):
            woken += _queue_waiting(run)
    return woken


def _oldest_waiting(lock: str | None) -> Select[JobRun]:
    query = (
        select(JobRun)
        .where(JobRun.status == RunStatus.WAITING)
        .ext(distinct_on(JobRun.lock))
        .order_by(JobRun.lock, JobRun.enqueued_at)
    )
    return query if lock is None else query.where(JobRun.lock == lock)


def _queue_waiting(run: JobRun) -> int:
    queued = (
        update(JobRun)
        .where(JobRun.id == run.id, JobRun.status == RunStatus.WAITING)
        .values(status=RunStatus.QUEUED, pushed_at=None, progress_text="")
        .returning(JobRun)
    )
    with control_transaction() as session:
        ready = session.scalar(queued)
    if ready is None:
        return 0
    dispatch(ready)
    return 1


def _end_lost() -> int:
    """Give up attempts whose heartbeat stopped: try again where that is safe, else fail visibly."""
    silent = select(JobRun.id).where(
        JobRun.status == RunStatus.RUNNING, JobRun.heartbeat_at < _ago(pace().lost_after)
    )
    with control_transaction() as session:
        ids = list(session.scalars(silent.limit(BATCH)))
    for run_id in ids:
        with control_transaction() as session:
            run = session.get(JobRun, run_id, with_for_update={"skip_locked": True})
            line = _end_one(run) if run and run.status == RunStatus.RUNNING else ""
            if run and run.status in FINISHED:
                session.flush()
                session.refresh(run, ["finished_at"])  # until now a function of the server's clock
                history.note_finished(session, run, find_job(run.job))
        if line:
            write_line(run_id, line)
    return len(ids)


def _end_one(run: JobRun) -> str:
    """Decide what becomes of a lost attempt; returns the line for its log."""
    spec = find_job(run.job)
    if run.cancel_requested:
        run.status, run.error = RunStatus.CANCELLED, "Cancelled; its worker was gone."
    elif spec and spec.resumable and run.attempt < run.max_attempts:
        run.status, run.pushed_at, run.not_before = RunStatus.QUEUED, None, None
        return f"attempt {run.attempt}: its worker {run.worker} died; trying again"
    else:
        run.status = RunStatus.LOST
        run.error = f"Lost: its worker {run.worker} died in the middle. Look at the log, then retry it."
    run.finished_at = func.clock_timestamp()
    return run.error


def _stop_cancelled() -> int:
    """Kill what did not leave by itself within the grace after cancelling."""
    overdue = select(JobRun).where(
        JobRun.status == RunStatus.RUNNING,
        JobRun.cancel_requested,
        JobRun.cancel_requested_at < _ago(pace().cancel_grace),
    )
    with control_transaction() as session:
        runs = list(session.scalars(overdue.limit(BATCH)))
    return sum(_stop(run) for run in runs)


def _stop(run: JobRun) -> bool:
    if not run.rq_job_id or not broker.stop(run.rq_job_id):
        return False
    ended = (
        update(JobRun)
        .where(JobRun.id == run.id, JobRun.attempt == run.attempt, JobRun.status == RunStatus.RUNNING)
        .values(
            status=RunStatus.CANCELLED,
            error="Cancelled; it did not stop by itself, so its process was ended.",
            finished_at=func.clock_timestamp(),
        )
    )
    with control_transaction() as session:
        session.execute(ended)
    return True


def _push_again() -> int:
    """Push queued runs that Redis does not have: it was away, lost its data, or a worker died early."""
    due = select(JobRun).where(
        JobRun.status == RunStatus.QUEUED,
        or_(JobRun.not_before.is_(None), JobRun.not_before <= func.now()),
        or_(JobRun.pushed_at.is_(None), JobRun.pushed_at < _ago(pace().push_again_after)),
    )
    with control_transaction() as session:
        runs = list(session.scalars(due.order_by(JobRun.enqueued_at).limit(BATCH)))
    present = {name: broker.waiting_ids(name) for name in {run.queue for run in runs}}
    return sum(dispatch(run) for run in runs if run.rq_job_id not in present[run.queue])


def _ago(seconds: float) -> ColumnElement[object]:
    return func.clock_timestamp() - timedelta(seconds=seconds)
