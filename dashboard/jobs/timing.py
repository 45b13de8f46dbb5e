"""Owns timed jobs, and is the only module that knows rq-scheduler.

The list in code becomes rows; each row always has its next slot in rq-scheduler's set. When a slot is due
the scheduler queues `fire`, which claims the slot in the control database. That claim, not Redis, makes a
slot run once: two schedulers, an expired scheduler lock or a slot queued twice change nothing, and after a
Redis that lost its data the next tick puts every schedule back.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from flask import current_app
from rq_scheduler.scheduler import Scheduler
from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError
from dashboard.jobs import broker, service
from dashboard.jobs.dispatch import dispatch
from dashboard.jobs.models import ACTIVE, SYSTEM_ACTOR, JobRun, ScheduleState
from dashboard.jobs.registry import find_job, get_job
from dashboard.jobs.slots import Schedule, next_slot, previous_slot
from dashboard.jobs.store import control_transaction
from dashboard.settings.models import Setting
from dashboard.settings.queries import Held
from dashboard.settings.registry import definition_of

log = structlog.get_logger()
FIRE = "dashboard.jobs.timing.fire"
PREFIX = "schedule-"
SEEN_KEY = "steward:scheduler"
SEEN_SECONDS = 30
# A slot that was claimed a moment ago may not be noted yet; only an older one was missed.
MISSED_AFTER = timedelta(seconds=5)


def sync(schedules: Iterable[Schedule]) -> None:
    """Write the declarations into their rows; what is not declared any more is kept but never fires."""
    declared = list(schedules)
    with control_transaction() as session:
        for schedule in declared:
            session.execute(_upsert(session, schedule))
        gone = ScheduleState.name.not_in([schedule.name for schedule in declared])
        session.execute(update(ScheduleState).where(gone).values(is_declared=False))


def _cron_of(session: Session, schedule: Schedule) -> str | None:
    """Return the cron line that holds: what somebody set, else what is declared."""
    row = session.get(Setting, schedule.setting) if schedule.setting else None
    return str(Held(definition_of(schedule.setting), row).value) if row else schedule.cron


def _upsert(session: Session, schedule: Schedule) -> Any:
    values = {
        "job": schedule.job,
        "title": schedule.title,
        "every": schedule.every,
        "cron": _cron_of(session, schedule),
        "zone": schedule.zone,
        "args": dict(schedule.args),
        "is_declared": True,
    }
    # An interval starts at once, a time of day waits for it.
    first = None if schedule.every else datetime.now(UTC)
    new = insert(ScheduleState).values(name=schedule.name, last_slot=first, **values)
    return new.on_conflict_do_update(index_elements=["name"], set_=values)


def retime(job: str, cron: str) -> None:
    """Let the schedules of a job follow a changed setting; flushes, the caller commits."""
    timed = ScheduleState.cron.is_not(None), ScheduleState.job == job
    db.session.execute(update(ScheduleState).where(*timed).values(cron=cron))


def tick() -> int:
    """Give every schedule its next slot and queue what is due. Returns how many slots were put in.

    Called every second by each schedule process; rq-scheduler's lock lets one of them do it.
    """
    scheduler = _scheduler()
    broker.connection().set(SEEN_KEY, datetime.now(UTC).isoformat(), ex=SEEN_SECONDS)
    if not scheduler.acquire_lock():
        return 0
    try:
        added = _put_in(scheduler)
        scheduler.enqueue_jobs()
    finally:
        scheduler.remove_lock()
    return added


def _scheduler() -> Scheduler:
    """Return this application's rq-scheduler; its jobs are JSON like all others."""
    found: Scheduler | None = current_app.extensions.get("jobs.scheduler")
    if found is None:
        found = Scheduler(
            connection=broker.connection(), interval=1, job_class=broker.JsonJob, queue_class=broker.JsonQueue
        )
        current_app.extensions["jobs.scheduler"] = found
    return found


def _put_in(scheduler: Scheduler) -> int:
    with control_transaction() as session:
        states = list(session.scalars(select(ScheduleState).where(ScheduleState.is_declared)))
    pending = _pending(scheduler, {_queue_of(state) for state in states})
    now, added = datetime.now(UTC), 0
    for state in states:
        if not state.paused and _id_part(state.name) not in pending:
            _schedule(scheduler, state, now)
            added += 1
    return added


def _pending(scheduler: Scheduler, queues: set[str]) -> set[str]:
    """Names of schedules that have a slot coming or a message waiting for a worker."""
    ids = {key.decode() for key in scheduler.connection.zrange(scheduler.scheduled_jobs_key, 0, -1)}
    for name in queues:
        ids |= broker.waiting_ids(name)
    return {key.removeprefix(PREFIX).rpartition("-")[0] for key in ids if key.startswith(PREFIX)}


def _id_part(name: str) -> str:
    """RQ allows letters, digits, - and _ in an id."""
    return name.replace(".", "_")


def _schedule(scheduler: Scheduler, state: ScheduleState, now: datetime) -> None:
    missed = previous_slot(state, now)
    is_missed = state.last_slot is None or (missed > state.last_slot and now - missed > MISSED_AFTER)
    slot = missed if is_missed else next_slot(state, now)
    scheduler.enqueue_at(
        slot,
        FIRE,
        state.name,
        job_id=f"{PREFIX}{_id_part(state.name)}-{int(slot.timestamp())}",
        queue_name=_queue_of(state),
        timeout=60,
        job_result_ttl=0,
        job_description=f"fire {state.name}",
    )


def _queue_of(state: ScheduleState) -> str:
    spec = find_job(state.job)
    return spec.queue if spec else "default"


def fire(name: str) -> None:
    """Start a schedule's job for the latest slot, once, unless it is paused or its last run still goes on."""
    now = datetime.now(UTC)
    with control_transaction() as session:
        state = session.get(ScheduleState, name)
        if state is None or not _claim_slot(session, name, previous_slot(state, now)):
            return
        if _still_active(session, name):
            log.warning("schedule_skipped", schedule=name, reason="the last run is still active")
            return
        run = service.new_run(get_job(state.job), state.args, actor=SYSTEM_ACTOR, schedule=name)
        session.add(run)
    dispatch(run)


def _claim_slot(session: Session, name: str, slot: datetime) -> bool:
    claim = (
        update(ScheduleState)
        .where(
            ScheduleState.name == name,
            ScheduleState.is_declared,
            ScheduleState.paused.is_(False),
            or_(ScheduleState.last_slot.is_(None), ScheduleState.last_slot < slot),
        )
        .values(last_slot=slot)
        .returning(ScheduleState.name)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(claim) is not None


def _still_active(session: Session, name: str) -> bool:
    query = select(JobRun.id).where(JobRun.schedule == name, JobRun.status.in_(ACTIVE)).limit(1)
    return session.scalar(query) is not None


def run_now(name: str, *, actor: str) -> JobRun:
    """Start a schedule's job at once, paused or not. Raises ConflictError while its last run goes on."""
    with control_transaction() as session:
        # Locks the row: two people pressing at once start one run.
        state = session.get(ScheduleState, name, with_for_update=True)
        if state is None:
            raise NotFoundError(f"There is no schedule called {name}.")
        if _still_active(session, name):
            raise ConflictError(f"{state.title} is already queued or running.")
        run = service.new_run(get_job(state.job), state.args, actor=actor, schedule=name)
        session.add(run)
    dispatch(run)
    return run


def pause(name: str, *, actor: str) -> None:
    """Stop a schedule from firing until it is resumed."""
    _set_paused(name, {"paused": True, "paused_by": actor})


def resume(name: str) -> None:
    """Let a schedule fire again, from its next slot on: what was missed is not caught up."""
    _set_paused(name, {"paused": False, "paused_by": "", "last_slot": func.now()})


def _set_paused(name: str, values: dict[str, Any]) -> None:
    change = update(ScheduleState).where(ScheduleState.name == name).values(**values)
    with control_transaction() as session:
        if not session.scalar(change.returning(ScheduleState.name)):
            raise NotFoundError(f"There is no schedule called {name}.")
