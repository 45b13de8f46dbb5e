"""Carries a run out: what comes before, the tasks, the engine, and how it ended.

Everything is kept in rows as it happens, so that any attempt goes on where the one before died.
"""

import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, update

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, NotFoundError
from dashboard.health.service import store_reading
from dashboard.jobs.run import RunCancelledError
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.fleet import approving, planning, queries, running, safeguarding, tasks
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun, FleetStatus, PlanStatus
from dashboard.schema_migrations.fleet.rendering import start_of
from dashboard.schema_migrations.fleet.running import Outcome, Progress, Result
from dashboard.schema_migrations.fleet.safeguarding import Follower
from dashboard.schema_migrations.fleet.steps import Step, from_rows
from dashboard.schema_migrations.reading import refresh_heads
from dashboard.schema_migrations.service import LOCK_KEY
from dashboard.tenancy import queries as tenancy

LOOK_SECONDS = 1.0
TELL_SECONDS = 1.0


class HaltedError(ConflictError):
    """The run waits for a decision."""


class EndedError(ConflictError):
    """Somebody cancelled the run before its first schema."""


def execute(follower: Follower, run_id: int, settings: Settings) -> dict[str, Any]:
    """Work on a run until it is done, halted, paused or cancelled; returns how it ended.

    Raises HaltedError when it waits for a decision. Any other error leaves it to be gone on with.
    """
    try:
        return _execute(follower, run_id, settings)
    finally:
        _close_if_cancelled(run_id, settings)


def _execute(follower: Follower, run_id: int, settings: Settings) -> dict[str, Any]:
    run, plan = _load(run_id)
    if run.status not in queries.MOVING:
        return {"run": run_id, "status": run.status}
    steps = from_rows(plan.steps)
    try:
        _check_plan(plan)
        safeguarding.secure(follower, run, settings, _Stop(follower, run_id).check)
        _make_tasks(follower, run, steps, settings)
        result = _work(follower, run, steps, settings)
        while result.outcome is Outcome.DONE and adopt(run, steps, settings):
            follower.log("Schemas appeared meanwhile; they are taken along.")
            result = _work(follower, run, steps, settings)
    except EndedError:
        return {"run": run_id, "status": FleetStatus.CANCELLED}
    except RunCancelledError:
        _settle(run_id, FleetStatus.PAUSED, "Its job was cancelled.")
        raise
    except DashboardError as error:
        _settle(run_id, FleetStatus.HALTED, safeguarding.words_of(error))
        raise
    return _end(run, plan, result)


def _close_if_cancelled(run_id: int, settings: Settings) -> None:
    """Leave no task waiting for ever: whoever keeps spares would think that the run goes on."""
    with control_transaction() as session:
        run = session.get(FleetRun, run_id)
        is_cancelled = run is not None and run.status == FleetStatus.CANCELLED
    if is_cancelled:
        with tasks.queue(settings.database_direct_url) as at:
            tasks.close(at, run_id)


def _load(run_id: int) -> tuple[FleetRun, FleetPlan]:
    """Return the rows on no session: a run takes long, and nothing may stay open meanwhile."""
    with control_transaction() as session:
        run = session.get(FleetRun, run_id)
        plan = session.get(FleetPlan, run.plan_id) if run else None
    if run is None or plan is None:
        raise NotFoundError("There is no such run.")
    return run, plan


def _check_plan(plan: FleetPlan) -> None:
    """Compare what would run with what was approved, once more and here: files may differ by machine."""
    if not planning.renders_alike(plan):
        with control_transaction() as session:
            session.execute(update(FleetPlan).where(FleetPlan.id == plan.id).values(status=PlanStatus.STALE))
        raise ConflictError(approving.STALE, fix=approving.STALE_FIX)


class _Stop:
    """Looks now and then whether somebody cancelled the run."""

    def __init__(self, follower: Follower, run_id: int) -> None:
        self._follower = follower
        self._run_id = run_id
        self._looked_at = float("-inf")
        self.status = ""

    def look(self) -> str:
        """Return the run's status, at most a second old."""
        self._follower.check_cancelled()
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            with control_transaction() as session:
                self.status = queries.get_run(session, self._run_id).status
        return self.status

    def check(self) -> None:
        """Leave when it was cancelled; a pause waits for the first schema."""
        if self.look() == FleetStatus.CANCELLED:
            raise EndedError("The run was cancelled.")


def _make_tasks(follower: Follower, run: FleetRun, steps: list[Step], settings: Settings) -> None:
    options = run.options
    canary = tenancy.get_tenant(options["canary"]).schema if options.get("canary") else ""
    with tasks.queue(settings.database_direct_url) as at:
        if sum(tasks.count(at, run.id).values()):
            return  # an earlier attempt made them
        made = tasks.create(
            at,
            run.id,
            steps,
            start=start_of(planning.tenant_scripts(), steps),
            canary=canary,
            shares=options["shares"],
            schemas=options.get("schemas", ()),
        )
    follower.log(f"{made.schemas} schemas in {made.waves} waves; {made.canary or 'none'} goes first.")
    if made.left_out:
        follower.log(f"Left alone, at a revision the plan does not pass: {', '.join(made.left_out[:20])}")


def adopt(run: FleetRun, steps: list[Step], settings: Settings) -> int:
    """Add tasks for schemas that appeared since they were made; returns how many.

    Creations under way are let finish first; a later one by the former release is refused.
    """
    if run.options.get("schemas"):
        return 0
    with tasks.queue(settings.database_direct_url) as at:
        at.execute("SET lock_timeout TO '60s'; SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        before = sum(tasks.count(at, run.id).values())
        start = start_of(planning.tenant_scripts(), steps)
        tasks.create(at, run.id, steps, start=start, shares=run.options["shares"])
        return sum(tasks.count(at, run.id).values()) - before


class _Hooks:
    """What the engine asks and tells: the run's status in, progress out."""

    def __init__(self, follower: Follower, run_id: int) -> None:
        self._follower = follower
        self._run_id = run_id
        self._stop = _Stop(follower, run_id)
        self._settled = -1
        self._moved_at = datetime.now(UTC)
        self._told: tuple[float, object] = (float("-inf"), None)

    def stop_reason(self) -> str:
        """Return why no further schema may begin."""
        status = self._stop.look()
        return "" if status in queries.MOVING else status

    def progress(self, progress: Progress) -> None:
        """Show how far it is; keep when it last moved, for pages and the alert."""
        if progress.finished != self._settled:
            self._settled, self._moved_at = progress.finished, datetime.now(UTC)
        self._follower.progress(progress.finished, progress.total, f"Wave {(progress.wave or 0) + 1}")
        now, told_at = time.monotonic(), self._told[0]
        if now - told_at < TELL_SECONDS and progress.finished < progress.total:
            return
        self._told = (now, progress)
        data = {
            "run": self._run_id,
            "settled": progress.finished,
            "total": progress.total,
            "moved_at": self._moved_at.isoformat(),
            "waiting": list(progress.waiting),
        }
        store_reading(queries.READING, data, every=0)  # no probe: after the run none is missed
        db.session.commit()

    def log(self, text: str) -> None:
        """Pass a line on."""
        self._follower.log(text)


def _work(follower: Follower, run: FleetRun, steps: list[Step], settings: Settings) -> Result:
    _begin(run.id)
    options = running.Options(workers=int(run.options["workers"]), actor=follower.actor)
    hooks = _Hooks(follower, run.id)
    try:
        return running.run_fleet(settings.database_direct_url, run.id, steps, options, hooks)
    finally:  # however it ends: who comes from the run to the desk finds there what it did
        refresh_heads(settings)
        db.session.commit()


def _begin(run_id: int) -> None:
    """Say that schemas are being changed, unless somebody paused or cancelled it meanwhile."""
    begun = update(FleetRun).where(FleetRun.id == run_id, FleetRun.status == FleetStatus.WAITING)
    with control_transaction() as session:
        session.execute(
            begun.values(
                status=FleetStatus.RUNNING,
                reason="",
                started_at=func.coalesce(FleetRun.started_at, func.clock_timestamp()),
            )
        )


def _end(run: FleetRun, plan: FleetPlan, result: Result) -> dict[str, Any]:
    told = {"run": run.id, "seconds": round(result.seconds, 2), **result.counts}
    if result.outcome is Outcome.DONE:
        _settle(run.id, FleetStatus.DONE, "")
        with control_transaction() as session:
            done = update(FleetPlan).where(FleetPlan.id == plan.id, FleetPlan.status == PlanStatus.APPROVED)
            session.execute(done.values(status=PlanStatus.DONE))
    if result.outcome is Outcome.HALTED:
        _settle(run.id, FleetStatus.HALTED, result.reason)
        raise HaltedError(
            f"Halted. {result.reason}", fix="Its page says which schemas; retry or leave them out."
        )
    # Somebody may have paused or cancelled it in the very last moment: then that is what counts.
    return {**told, "status": _load(run.id)[0].status}


def _settle(run_id: int, status: FleetStatus, reason: str) -> None:
    """Write how it ended, unless somebody decided otherwise meanwhile."""
    finished = {"finished_at": func.clock_timestamp()} if status == FleetStatus.DONE else {}
    mine = update(FleetRun).where(FleetRun.id == run_id, FleetRun.status.in_(queries.MOVING))
    with control_transaction() as session:
        session.execute(mine.values(status=status, reason=reason, **finished))
