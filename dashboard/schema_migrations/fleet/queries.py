"""Reads plans, runs and where each schema stands in a run. Only rows: no page asks a server anything else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.health.queries import get_reading
from dashboard.jobs import locks
from dashboard.jobs.models import ACTIVE, JobRun, RunStatus
from dashboard.schema_migrations.fleet.models import (
    OPEN,
    FleetPlan,
    FleetRun,
    FleetStatus,
    FleetTask,
    TaskStatus,
)
from dashboard.tenancy import queries as tenancy

PLAN, RUN = "fleet.plan", "fleet.run"
LOCK = "fleet.run"
READING = "fleet.run"
ROWS = 25
REPORTED = 200
MOVING = (FleetStatus.WAITING, FleetStatus.RUNNING)
PACE = timedelta(seconds=60)  # the rate is that of the last minute: pauses must not count
ORDER = (TaskStatus.DONE, TaskStatus.RUNNING, TaskStatus.PENDING, TaskStatus.FAILED, TaskStatus.SKIPPED)


@dataclass(frozen=True)
class TaskRow:
    """One schema in a run; `name` is what people call it, `wait` how often a lock was not to be had."""

    schema: str
    name: str
    wave: int
    step: int
    from_revision: str | None
    status: str
    attempts: int
    lock_waits: int
    duration_ms: float
    error: str
    finished_at: datetime | None

    @property
    def look(self) -> str:
        """Its state for the eye: one that waits for a lock is not the same as one whose turn has not come."""
        return "waiting" if self.status == TaskStatus.PENDING and self.lock_waits else self.status

    @property
    def is_open(self) -> bool:
        """Whether it has yet to be changed, or is being changed."""
        return self.status in (TaskStatus.PENDING, TaskStatus.RUNNING)

    @property
    def is_held_up(self) -> bool:
        """Whether somebody's lock was in its way; it may be tried again this moment."""
        return self.is_open and self.lock_waits > 0


@dataclass(frozen=True)
class Wave:
    """The schemas that are changed together; the next wave begins when all of it went well."""

    number: int
    title: str
    tasks: Sequence[TaskRow]

    @property
    def counts(self) -> dict[str, int]:
        """How many are in each state, empty ones left out."""
        return count_states(self.tasks)


@dataclass(frozen=True)
class Course:
    """How far a run came. `rate` is schemas per second of late, `ends_at` the end at that pace.

    There is no end to tell while all that is left waits for locks: whoever has them decides.
    """

    run: FleetRun
    waves: Sequence[Wave] = ()
    counts: dict[str, int] = field(default_factory=dict)
    total: int = 0
    settled: int = 0
    rate: float | None = None
    ends_at: datetime | None = None

    @property
    def failures(self) -> list[TaskRow]:
        """The schemas that need a decision."""
        return [task for wave in self.waves for task in wave.tasks if task.status == TaskStatus.FAILED]

    @property
    def first(self) -> list[tuple[Wave, TaskRow]]:
        """What the report on the page shows: the failures, then wave by wave."""
        every = [(wave, task) for wave in self.waves for task in wave.tasks]
        return sorted(every, key=lambda line: line[1].status != TaskStatus.FAILED)[:REPORTED]

    @property
    def held_up(self) -> list[TaskRow]:
        """The schemas that wait for a lock somebody has; some may be tried again this moment."""
        return [task for wave in self.waves for task in wave.tasks if task.is_held_up]


def count_states(tasks: Sequence[TaskRow]) -> dict[str, int]:
    """Count tasks by state, in the order people read them."""
    counted = Counter(task.status for task in tasks)
    return {state.value: counted[state] for state in ORDER if counted[state]}


def get_plan(session: Session, plan_id: int) -> FleetPlan:
    """Return a plan. Raises NotFoundError."""
    plan = session.get(FleetPlan, plan_id)
    if plan is None:
        raise NotFoundError("There is no such plan.")
    return plan


def get_run(session: Session, run_id: int) -> FleetRun:
    """Return a run. Raises NotFoundError."""
    run = session.get(FleetRun, run_id)
    if run is None:
        raise NotFoundError("There is no such run.")
    return run


def list_plans(session: Session) -> list[FleetPlan]:
    """Return the newest plans."""
    return list(session.scalars(select(FleetPlan).order_by(FleetPlan.created_at.desc()).limit(ROWS)))


def list_runs(session: Session, plan_id: int | None = None) -> list[FleetRun]:
    """Return the newest runs, of one plan if it is given."""
    query = select(FleetRun).order_by(FleetRun.id.desc()).limit(ROWS)
    return list(session.scalars(query if plan_id is None else query.where(FleetRun.plan_id == plan_id)))


def find_open(session: Session) -> FleetRun | None:
    """Return the run that is not over, if any; there is one at most."""
    return session.scalar(select(FleetRun).where(FleetRun.status.in_(OPEN)))


def find_planning(session: Session) -> JobRun | None:
    """Return the job that makes a plan now, if any."""
    return session.scalar(
        select(JobRun)
        .where(JobRun.job == PLAN, JobRun.status.in_(ACTIVE))
        .order_by(JobRun.enqueued_at.desc())
    )


def find_failed_planning(session: Session) -> JobRun | None:
    """Return the newest job that should have made a plan, if it failed."""
    newest = session.scalar(
        select(JobRun).where(JobRun.job == PLAN).order_by(JobRun.enqueued_at.desc()).limit(1)
    )
    return newest if newest and newest.status in (RunStatus.FAILED, RunStatus.LOST) else None


def find_job(session: Session, run: FleetRun) -> JobRun | None:
    """Return the newest job that worked on a run."""
    return session.get(JobRun, run.job_run_id) if run.job_run_id else None


def is_worked_on(session: Session, run: FleetRun) -> bool:
    """Whether a job waits or works for a run, or a command line does."""
    job = find_job(session, run)
    return bool(job and job.is_active) or not locks.is_free(LOCK)


def list_tasks(session: Session, run_id: int) -> list[TaskRow]:
    """Return every schema of a run by wave and name."""
    names = {tenant.schema: tenant.slug for tenant in tenancy.known_tenants()}
    columns = (
        FleetTask.schema_name,
        FleetTask.wave,
        FleetTask.step,
        FleetTask.from_revision,
        FleetTask.status,
        FleetTask.attempts,
        FleetTask.lock_waits,
        FleetTask.duration_ms,
        FleetTask.error,
        FleetTask.finished_at,
    )
    query = select(*columns).where(FleetTask.run_id == run_id).order_by(FleetTask.wave, FleetTask.schema_name)
    rows = map(tuple, session.execute(query))
    return [TaskRow(schema, names.get(schema, schema), *rest) for schema, *rest in rows]


def course_of(session: Session, run: FleetRun) -> Course:
    """Say how far a run came."""
    tasks = list_tasks(session, run.id)
    settled = sum(task.status in (TaskStatus.DONE, TaskStatus.SKIPPED) for task in tasks)
    now = datetime.now(UTC)
    rate = _rate(tasks, now) if run.status == FleetStatus.RUNNING else None
    ends_at = estimate_end(tasks, rate, now) if rate else None
    numbers = sorted({task.wave for task in tasks})
    waves = [_wave(number, [task for task in tasks if task.wave == number], numbers) for number in numbers]
    return Course(run, waves, count_states(tasks), len(tasks), settled, rate, ends_at)


def _wave(number: int, tasks: list[TaskRow], numbers: list[int]) -> Wave:
    if number == numbers[0]:
        title = "Canary"
    elif number == numbers[-1]:
        title = "The rest"
    else:
        title = f"Wave {numbers.index(number) + 1}"
    return Wave(number, title, tasks)


def estimate_end(tasks: Sequence[TaskRow], rate: float, now: datetime) -> datetime | None:
    """Return when a run ends that goes on at `rate` schemas per second; None while locks decide that."""
    left = [task for task in tasks if task.is_open]
    if left and all(task.is_held_up for task in left):
        return None
    return now + timedelta(seconds=len(left) / rate)


def _rate(tasks: Sequence[TaskRow], now: datetime) -> float | None:
    late = [task.finished_at for task in tasks if task.finished_at and now - task.finished_at < PACE]
    if not late:
        return None
    return len(late) / max((now - min(late)).total_seconds(), 1.0)


def watch_of(run: FleetRun) -> dict[str, Any]:
    """Return what whoever works on a run last told: settled, total, moved_at, waiting; empty if nothing."""
    reading = get_reading(READING)
    return reading.values if reading and reading.data.get("run") == run.id else {}


def summary() -> dict[str, Any]:
    """Say what the migrations page tells of plans and runs; it asks the control database only."""
    session = db.session()
    runs = list_runs(session)
    run = find_open(session) or (runs[0] if runs else None)
    plans = list_plans(session)
    return {
        "run": run,
        "watch": watch_of(run) if run else {},
        "plan": plans[0] if plans else None,
        "is_planning": find_planning(session) is not None,
    }
