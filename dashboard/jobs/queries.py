"""Reads of runs, logs, schedules, queues and workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rq import Queue
from rq.worker import Worker
from sqlalchemy import Select, func, or_, select, tuple_

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.jobs import broker
from dashboard.jobs.models import ACTIVE, JobLog, JobRun, RunStatus, ScheduleState
from dashboard.jobs.registry import QUEUES
from dashboard.jobs.slots import next_slot
from dashboard.jobs.timing import SEEN_KEY

PAGE_SIZE = 50
LOG_LINES = 500
FIGURES_SPAN = timedelta(hours=24)


@dataclass(frozen=True)
class RunFilter:
    """What a list of runs is narrowed to; empty means all."""

    job: str = ""
    status: str = ""
    queue: str = ""
    actor: str = ""


@dataclass(frozen=True)
class RunPage:
    """Runs, newest first, and the id to go on from (None on the last page)."""

    runs: Sequence[JobRun]
    older: UUID | None


@dataclass(frozen=True)
class QueueFigures:
    """One queue. `depth` is None while the broker is away; times are in seconds, of the last 24 hours."""

    name: str
    depth: int | None
    running: int
    waiting: int
    oldest: datetime | None
    finished: int
    failed: int
    median_wait: float | None
    median_duration: float | None
    workers: int | None


@dataclass(frozen=True)
class WorkerState:
    """A worker as it last reported."""

    name: str
    host: str
    pid: int | None
    queues: tuple[str, ...]
    state: str
    run: JobRun | None
    born_at: datetime | None
    seen_at: datetime | None
    succeeded: int
    failed: int


@dataclass(frozen=True)
class ScheduleView:
    """A schedule with its next slot (None while it is paused)."""

    state: ScheduleState
    next_run_at: datetime | None
    active: JobRun | None


def get_run(run_id: UUID) -> JobRun:
    """Return a run as it is now. Raises NotFoundError."""
    run = db.session.get(JobRun, run_id, populate_existing=True)
    if run is None:
        raise NotFoundError("There is no such job run. Old runs are deleted after a while.")
    return run


def list_runs(chosen: RunFilter | None = None, before: UUID | None = None, size: int = PAGE_SIZE) -> RunPage:
    """Return a page of runs, newest first, of those older than the run `before`."""
    query = _filtered(select(JobRun), chosen or RunFilter())
    if before is not None:
        mark = select(JobRun.enqueued_at, JobRun.id).where(JobRun.id == before).subquery()
        query = query.where(
            tuple_(JobRun.enqueued_at, JobRun.id) < select(mark.c.enqueued_at, mark.c.id).scalar_subquery()
        )
    found = list(db.session.scalars(query.order_by(*_newest()).limit(size + 1)))
    more = len(found) > size
    return RunPage(found[:size], found[size - 1].id if more else None)


def last_success(job: str, tenant: str) -> datetime | None:
    """When a job last went well for a tenant, by itself or with all tenants; None: never, or long ago."""
    query = select(func.max(JobRun.finished_at)).where(
        JobRun.job == job,
        JobRun.status == RunStatus.SUCCEEDED,
        or_(JobRun.tenant == tenant, JobRun.tenant.is_(None)),
    )
    return db.session.scalar(query)


def _newest() -> tuple[Any, Any]:
    return JobRun.enqueued_at.desc(), JobRun.id.desc()


def _filtered(query: Select[Any], chosen: RunFilter) -> Select[Any]:
    for column, value in (
        (JobRun.job, chosen.job),
        (JobRun.queue, chosen.queue),
        (JobRun.actor, chosen.actor),
    ):
        if value:
            query = query.where(column == value)
    if chosen.status == "active":
        return query.where(JobRun.status.in_(ACTIVE))
    return query.where(JobRun.status == chosen.status) if chosen.status else query


def count_by_status() -> dict[str, int]:
    """Count the active runs, and those that ended in the last 24 hours, by status."""
    recent = JobRun.finished_at > func.now() - FIGURES_SPAN
    query = (
        select(JobRun.status, func.count()).where(JobRun.status.in_(ACTIVE) | recent).group_by(JobRun.status)
    )
    return {row[0]: row[1] for row in db.session.execute(query)}


def list_logs(run_id: UUID, limit: int = LOG_LINES) -> list[JobLog]:
    """Return the last lines of a run's log, in order."""
    query = select(JobLog).where(JobLog.run_id == run_id).order_by(JobLog.id.desc()).limit(limit)
    return list(db.session.scalars(query))[::-1]


def latest_run(job: str, *, args: dict[str, Any] | None = None) -> JobRun | None:
    """Return the newest run of a job (with exactly these arguments), for pages that show "last run"."""
    query = select(JobRun).where(JobRun.job == job)
    if args is not None:
        query = query.where(JobRun.args == args)
    return db.session.scalar(query.order_by(*_newest()).limit(1))


def list_schedules() -> list[ScheduleView]:
    """Every declared schedule by title."""
    rows = db.session.scalars(
        select(ScheduleState).where(ScheduleState.is_declared).order_by(ScheduleState.title)
    )
    active = {
        run.schedule: run
        for run in db.session.scalars(
            select(JobRun).where(JobRun.schedule.is_not(None), JobRun.status.in_(ACTIVE))
        )
    }
    now = datetime.now(UTC)
    return [
        ScheduleView(row, None if row.paused else next_slot(row, now), active.get(row.name)) for row in rows
    ]


def find_schedule(name: str) -> ScheduleView | None:
    """Return a schedule by name, for pages that say when it runs next."""
    return next((view for view in list_schedules() if view.state.name == name), None)


def list_queues() -> list[QueueFigures]:
    """Return the figures of every queue. PostgreSQL knows the runs, Redis what its queues hold."""
    rows = {row.queue: row for row in db.session.execute(_figures())}
    depths, workers = _from_broker()
    return [_queue_figures(name, rows.get(name), depths, workers) for name in QUEUES]


def _figures() -> Select[Any]:
    ended = JobRun.finished_at.is_not(None) & JobRun.status.not_in(ACTIVE)
    wait = func.extract("epoch", JobRun.started_at - JobRun.enqueued_at)
    length = func.extract("epoch", JobRun.finished_at - JobRun.started_at)
    median = func.percentile_cont(0.5)
    is_queued = JobRun.status.in_((RunStatus.QUEUED, RunStatus.WAITING))
    return (
        select(
            JobRun.queue,
            func.count().filter(JobRun.status == RunStatus.RUNNING).label("running"),
            func.count().filter(is_queued).label("waiting"),
            func.min(JobRun.enqueued_at).filter(is_queued).label("oldest"),
            func.count().filter(ended).label("finished"),
            func.count().filter(JobRun.status.in_((RunStatus.FAILED, RunStatus.LOST))).label("failed"),
            median.within_group(wait).label("median_wait"),
            median.within_group(length).filter(ended).label("median_duration"),
        )
        .where(JobRun.status.in_(ACTIVE) | (JobRun.finished_at > func.now() - FIGURES_SPAN))
        .group_by(JobRun.queue)
    )


def _from_broker() -> tuple[dict[str, int], dict[str, int]]:
    """Depths and numbers of workers by queue; both empty when the broker is away."""
    try:
        client = broker.connection()
        queues = [broker.queue(name) for name in QUEUES]
        return {q.name: q.count for q in queues}, {q.name: _count_workers(client, q) for q in queues}
    except broker.RedisError:
        return {}, {}


def _count_workers(client: Any, queue: Queue) -> int:
    return Worker.count(connection=client, queue=queue)


def _queue_figures(name: str, row: Any, depths: dict[str, int], workers: dict[str, int]) -> QueueFigures:
    return QueueFigures(
        name=name,
        depth=depths.get(name),
        running=row.running if row else 0,
        waiting=row.waiting if row else 0,
        oldest=row.oldest if row else None,
        finished=row.finished if row else 0,
        failed=row.failed if row else 0,
        median_wait=float(row.median_wait) if row and row.median_wait is not None else None,
        median_duration=float(row.median_duration) if row and row.median_duration is not None else None,
        workers=workers.get(name),
    )


def list_workers() -> list[WorkerState]:
    """Return the workers that reported lately, from every machine. Raises RedisError without a broker."""
    found = Worker.all(connection=broker.connection(), job_class=broker.JsonJob, queue_class=broker.JsonQueue)
    current = {worker.name: worker.get_current_job_id() for worker in found}
    runs = _runs_of([job_id for job_id in current.values() if job_id])
    states = [_worker_state(worker, runs.get(current[worker.name] or "")) for worker in found]
    return sorted(states, key=lambda state: (state.queues, state.name))


def _runs_of(rq_ids: list[str]) -> dict[str, JobRun]:
    if not rq_ids:
        return {}
    query = select(JobRun).where(JobRun.rq_job_id.in_(rq_ids), JobRun.status == RunStatus.RUNNING)
    return {run.rq_job_id: run for run in db.session.scalars(query)}


def _worker_state(worker: Any, run: JobRun | None) -> WorkerState:
    return WorkerState(
        name=worker.name,
        host=worker.hostname or "",
        pid=worker.pid,
        queues=tuple(worker.queue_names()),
        state=str(worker.get_state()),
        run=run,
        born_at=worker.birth_date,
        seen_at=worker.last_heartbeat,
        succeeded=worker.successful_job_count,
        failed=worker.failed_job_count,
    )


def worker_heartbeat_age(queue: str = "") -> float | None:
    """Return the seconds since the freshest worker (of a queue) reported; None when there is none.

    Raises RedisError when the broker is away. A healthy worker reports at least every 10 s.
    """
    workers = Worker.all(connection=broker.connection())
    seen = [w.last_heartbeat for w in workers if w.last_heartbeat and (not queue or queue in w.queue_names())]
    return (datetime.now(UTC) - max(seen)).total_seconds() if seen else None


def scheduler_age() -> float | None:
    """Return the seconds since a schedule process ticked; None when none did. Raises RedisError."""
    value = broker.connection().get(SEEN_KEY)
    if not isinstance(value, bytes):
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(value.decode())).total_seconds()
