"""Owns the one entry point RQ calls: claim a run, work on it under its lock, record how it ended."""

import json
import os
import socket
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from flask import Flask, current_app
from rq import get_current_job
from rq.timeouts import JobTimeoutException
from sqlalchemy import ColumnElement, case, func, null, update

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.jobs import access, history, locks, relay
from dashboard.jobs.heartbeat import Heartbeat
from dashboard.jobs.lines import redact, write_line
from dashboard.jobs.models import FINISHED, JobRun, RunStatus
from dashboard.jobs.pace import pace
from dashboard.jobs.registry import find_job, get_job
from dashboard.jobs.run import Run, RunCancelledError, RunInterruptedError, RunTakenOverError
from dashboard.jobs.store import control_transaction, persist
from dashboard.tenancy.queries import get_tenant
from dashboard.tenancy.scope import use_tenant
from dashboard.tenancy.telling import is_refusal

log = structlog.get_logger()
READ_ONLY_RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `retry_in` seconds puts the run back into the queue, whatever the status says."""

    status: RunStatus
    result: Mapping[str, Any] | None = None
    error: str = ""
    traceback: str = ""
    retry_in: float | None = None
    counts: bool = True


def perform(run_id: str) -> None:
    """Run a job by its row's id. One that is not queued any more is left alone: pushes may be doubled."""
    row = _load(UUID(run_id))
    if row is None or row.status != RunStatus.QUEUED:
        return
    with _lock_of(row) as lock:
        if row.lock and lock is None:
            _wait_for_lock(row)
            return
        claimed = _claim(row.id)
        if claimed is not None:
            _work(claimed, lock)
    if row.lock:
        relay.wake(row.lock)


def _load(run_id: UUID) -> JobRun | None:
    with control_transaction() as session:
        return session.get(JobRun, run_id)


@contextmanager
def _lock_of(row: JobRun) -> Iterator[locks.HeldLock | None]:
    if row.lock is None:
        yield None
        return
    with locks.try_lock(row.lock) as lock:
        yield lock


def _wait_for_lock(row: JobRun) -> None:
    waiting = (
        update(JobRun)
        .where(JobRun.id == row.id, JobRun.status == RunStatus.QUEUED)
        .values(status=RunStatus.WAITING, progress_text=f"waits for {row.lock}")
    )
    with control_transaction() as session:
        session.execute(waiting)


def _claim(run_id: UUID) -> JobRun | None:
    """Make a queued run ours in one statement: of two workers with the same message one gets nothing."""
    current = get_current_job()
    claim = (
        update(JobRun)
        .where(JobRun.id == run_id, JobRun.status == RunStatus.QUEUED, JobRun.cancel_requested.is_(False))
        .values(
            status=RunStatus.RUNNING,
            attempt=JobRun.attempt + 1,
            started_at=func.clock_timestamp(),
            heartbeat_at=func.clock_timestamp(),
            finished_at=None,
            not_before=None,
            error="",
            traceback="",
            progress_text="",
            worker=f"{socket.gethostname()}:{os.getpid()}",
            rq_job_id=current.id if current else "",
        )
        .returning(JobRun)
    )
    with control_transaction() as session:
        return session.scalar(claim)


def _work(row: JobRun, lock: locks.HeldLock | None) -> None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  # for the thread
    run = Run(row)
    try:
        with Heartbeat(app, run, lock, pace().heartbeat):
            outcome = _attempt(run, row)
    except (RunCancelledError, RunInterruptedError) as stopped:  # the signal came while leaving
        outcome = _stopped(stopped, row)
    except RunTakenOverError:
        log.warning("run_taken_over", run=str(run.id), attempt=run.attempt)
        return
    finally:
        db.session.remove()
    persist(lambda: record(row, outcome))


def _attempt(run: Run, row: JobRun) -> Outcome:
    """Run the function; every way it can end becomes an outcome."""
    try:
        spec = get_job(row.job)
        access.check_may_run(row, spec)
        access.check_is_open(row, spec)
        with ExitStack() as scope:
            if row.tenant:
                tenant = get_tenant(row.tenant)
                scope.enter_context(use_tenant(tenant, actor=row.actor, request_id=str(row.id)))
            result = spec.function(run, **row.args)
            db.session.commit()
        return Outcome(RunStatus.SUCCEEDED, result=_json(result))
    except (RunCancelledError, RunInterruptedError) as stopped:
        return _stopped(stopped, row)
    except JobTimeoutException:
        return _failed(row, f"It took longer than its limit of {get_job(row.job).timeout} s and was stopped.")
    except DashboardError as error:
        return Outcome(RunStatus.FAILED, error=f"{error.message} {error.fix}".strip())
    except Exception as error:  # whatever a job raises is recorded in its row
        if run.stop_with is RunTakenOverError:
            raise run.stop_with from error
        if run.stop_with:  # told to stop, it failed on its way out
            return _stopped(run.stop_with(), row)
        return _kept_out(row) if is_refusal(error) else _failed(row, f"{type(error).__name__}: {error}")


def _stopped(stopped: BaseException, row: JobRun) -> Outcome:
    if isinstance(stopped, RunCancelledError):
        return Outcome(RunStatus.CANCELLED, error="Cancelled while it ran.")
    if get_job(row.job).resumable:
        return Outcome(RunStatus.QUEUED, error="Its worker stopped.", retry_in=0, counts=False)
    return Outcome(
        RunStatus.FAILED, error="Its worker was stopped in the middle. Look at the log, then retry it."
    )


def _kept_out(row: JobRun) -> Outcome:
    """Its tenant is read-only: what can be taken up again waits, without losing an attempt."""
    words = "The tenant is read-only during maintenance, so nothing was changed."
    if get_job(row.job).resumable:
        return Outcome(RunStatus.QUEUED, error=words, retry_in=READ_ONLY_RETRY_SECONDS, counts=False)
    return Outcome(RunStatus.FAILED, error=f"{words} Retry it when the maintenance is over.")


def _failed(row: JobRun, error: str) -> Outcome:
    """Fail, or try again after a delay that doubles while attempts are left."""
    delay = pace().retry_delay * 2 ** (row.attempt - 1) if row.attempt < row.max_attempts else None
    return Outcome(
        RunStatus.FAILED, error=redact(error), traceback=redact(traceback.format_exc()), retry_in=delay
    )


def _json(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Make a result storable: dates and numbers JSON does not know become text."""
    if result is None:
        return None
    plain: dict[str, Any] = json.loads(json.dumps(dict(result), default=str))
    return plain


def _queued_unless_cancelled() -> ColumnElement[str]:
    """Queue for another attempt, but not what was asked to be cancelled while this one failed."""
    return case((JobRun.cancel_requested, RunStatus.CANCELLED), else_=RunStatus.QUEUED)


def record(row: JobRun, outcome: Outcome) -> None:
    """Write an attempt's end, if the run is still this attempt's, and what follows from it."""
    again = outcome.retry_in is not None
    values: dict[str, Any] = {
        "status": _queued_unless_cancelled() if again else outcome.status,
        "result": null() if outcome.result is None else outcome.result,
        "error": outcome.error.replace("\x00", ""),
        "traceback": outcome.traceback.replace("\x00", ""),
        "finished_at": func.clock_timestamp(),
    }
    if again:
        values |= {
            "pushed_at": None,
            "not_before": func.clock_timestamp() + timedelta(seconds=outcome.retry_in or 0),
            "max_attempts": JobRun.max_attempts + (0 if outcome.counts else 1),
        }
    mine = (
        update(JobRun)
        .where(JobRun.id == row.id, JobRun.attempt == row.attempt, JobRun.status == RunStatus.RUNNING)
        .values(**values)
        .returning(JobRun)
    )
    with control_transaction() as session:
        written = session.scalar(mine)
        if written is not None and written.status in FINISHED:
            history.note_finished(session, written, find_job(row.job))
    if written is not None and outcome.error:
        write_line(row.id, f"attempt {row.attempt}: {outcome.error}" + (" Trying again." if again else ""))
