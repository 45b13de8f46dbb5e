"""Owns what people and other features do with jobs: enqueue, cancel, retry."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Table, func, insert, update

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.jobs.dispatch import dispatch
from dashboard.jobs.lines import write_line
from dashboard.jobs.models import FINISHED, JobRun, Outbox, RunStatus
from dashboard.jobs.registry import JobSpec, get_job
from dashboard.jobs.store import control_transaction


def enqueue(
    job: str,
    args: Mapping[str, Any] | None = None,
    *,
    actor: str,
    tenant: str | None = None,
    schedule: str | None = None,
) -> JobRun:
    """Ask for a job. The row is committed by itself first, then pushed; with the broker away it waits.

    Raises NotFoundError for an unknown job, InvalidInputError for arguments that are no JSON. Work that must
    follow from a data change goes through `enqueue_with_change` instead.
    """
    run = new_run(get_job(job), args or {}, actor=actor, tenant=tenant, schedule=schedule)
    with control_transaction() as session:
        session.add(run)
    dispatch(run)
    return run


def new_run(
    spec: JobSpec,
    args: Mapping[str, Any],
    *,
    actor: str,
    tenant: str | None = None,
    schedule: str | None = None,
    outbox_id: UUID | None = None,
) -> JobRun:
    """Build the row of a run, not yet stored."""
    try:
        lock = spec.lock_name(args, tenant)
        plain: dict[str, Any] = json.loads(json.dumps(dict(args)))
    except (TypeError, ValueError, KeyError) as error:
        raise InvalidInputError(f"The arguments of {spec.name} cannot be used: {error}") from error
    return JobRun(
        id=uuid4(),
        job=spec.name,
        title=spec.title,
        args=plain,
        queue=spec.queue,
        status=RunStatus.QUEUED,
        actor=actor,
        tenant=tenant,
        lock=lock,
        max_attempts=spec.max_attempts,
        schedule=schedule,
        outbox_id=outbox_id,
    )


def enqueue_with_change(job: str, args: Mapping[str, Any], *, actor: str, request_id: str = "") -> UUID:
    """Ask for a job in the same transaction as a tenant's data change; the caller commits both or neither.

    Returns the outbox id, which the run will carry. Only jobs declared with `outbox=True`.
    """
    if not get_job(job).outbox:
        raise InvalidInputError(f"The job {job} is not declared for the outbox.")
    outbox_id = uuid4()
    table: Any = Outbox.__table__
    assert isinstance(table, Table)  # noqa: S101  # for the type checker
    row = {"id": outbox_id, "job": job, "args": dict(args), "actor": actor, "request_id": request_id}
    # Tenant roles may insert and nothing else, so nothing may be read back.
    db.session.execute(insert(table).inline().values(**row))
    return outbox_id


def cancel(run_id: UUID, *, actor: str) -> JobRun:
    """Cancel a run: at once before its start, else its worker is told. Raises ConflictError when over."""
    with control_transaction() as session:
        run = session.get(JobRun, run_id, with_for_update=True)
        if run is None:
            raise NotFoundError("There is no such job run.")
        if run.status in FINISHED:
            raise ConflictError(f"This run has already {run.status}; there is nothing to cancel.")
        run.cancel_requested = True
        run.cancel_requested_at = func.clock_timestamp()
        if run.status != RunStatus.RUNNING:
            run.status = RunStatus.CANCELLED
            run.finished_at = func.clock_timestamp()
        session.flush()
        session.refresh(run)
    write_line(run_id, f"cancelling was asked for by {actor}")
    return run


def retry(run_id: UUID, *, actor: str) -> JobRun:
    """Put a failed, lost or cancelled run back into the queue, as `actor`; steps already done are skipped.

    Raises ConflictError for a run that is active or has succeeded.
    """
    again = (
        update(JobRun)
        .where(
            JobRun.id == run_id, JobRun.status.in_((RunStatus.FAILED, RunStatus.LOST, RunStatus.CANCELLED))
        )
        .values(
            status=RunStatus.QUEUED,
            actor=actor,
            max_attempts=JobRun.attempt + 1,
            cancel_requested=False,
            cancel_requested_at=None,
            enqueued_at=func.clock_timestamp(),
            pushed_at=None,
            not_before=None,
            finished_at=None,
            progress_done=0,
        )
        .returning(JobRun)
    )
    with control_transaction() as session:
        run = session.scalar(again)
    if run is None:
        raise ConflictError("Only a run that failed, was lost or was cancelled can be retried.")
    with suppress(NotFoundError):  # a job that this release no longer has fails visibly when it runs
        get_job(run.job)
    write_line(run_id, f"retried by {actor}")
    dispatch(run)
    return run
