"""`flask fleet …`: plan, approve, run and steer from a command line or a script.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 halted, 4 paused or cancelled, 5 dangerous findings,
6 under way.
"""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar
from uuid import UUID

import click
from flask import current_app
from flask.cli import AppGroup

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.core.filters import duration
from dashboard.jobs import locks
from dashboard.schema_migrations.fleet import approving, executing, planning, queries, steering
from dashboard.schema_migrations.fleet.approving import Options
from dashboard.schema_migrations.fleet.forms import shares_of
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun, FleetStatus, PlanStatus
from dashboard.schema_migrations.fleet.running import MAX_WORKERS

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
HALTED, STOPPED, DANGER, UNDER_WAY = 3, 4, 5, 6
EXITS = {
    FleetStatus.DONE: 0,
    FleetStatus.HALTED: HALTED,
    FleetStatus.PAUSED: STOPPED,
    FleetStatus.CANCELLED: STOPPED,
    FleetStatus.WAITING: UNDER_WAY,
    FleetStatus.RUNNING: UNDER_WAY,
}
actor_option = click.option("--actor", default="command line", help="Who does it, for the record.")
fleet = AppGroup("fleet", help="Change the tables of all tenants: plan, approve, run.")


def plainly(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Tell an expected error in a sentence instead of a stack trace; what was found meanwhile is kept."""

    @functools.wraps(command)
    def work(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except DashboardError as error:
            db.session.commit()
            raise click.ClickException(f"{error.message} {error.fix}".strip()) from error

    return work


@dataclass
class Terminal:
    """A command line that follows a run."""

    actor: str
    job_id: UUID | None = None
    told: str = ""

    def log(self, text: str) -> None:
        """Print a line."""
        click.echo(text)

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Print what has changed."""
        line = f"{text}: {done} of {total}"
        if line != self.told:
            self.told = line
            click.echo(line)

    def check_cancelled(self) -> None:
        """Go on: Ctrl-C pauses the run."""


@fleet.command("plan")
@click.option("--to", default="head", help="The revision every schema shall reach; an older one goes down.")
@actor_option
@plainly
def plan_command(to: str, actor: str) -> None:
    """Render and judge what brings every schema to a revision. Exit code 5 for dangerous findings."""
    try:
        plan = planning.make_plan(db.session(), to=to, actor=actor)
    except planning.NothingToPlanError as error:
        click.echo(error.message)
        return
    db.session.commit()
    _tell_plan(plan)
    sys.exit(DANGER if approving.has_danger(plan) else 0)


def _tell_plan(plan: FleetPlan) -> None:
    fleet_facts = plan.fleet
    seconds = planning.total_seconds(plan, Options().workers)
    click.echo(
        f"plan {plan.id}: {fleet_facts['schemas']} schemas from {fleet_facts['start']} {plan.direction} to"
        f" {plan.to_revision}, {len(plan.steps)} steps, estimated {duration(seconds)}"
    )
    click.echo(f"hash {plan.sql_hash}")
    for row in plan.findings:
        click.echo(f"{row['level']:8} step {row['step'] + 1}: {row['message']} {row['advice']}".rstrip())
    if not plan.is_reversible:
        click.echo(f"not reversible: {plan.irreversible_reason}")


@fleet.command("approve")
@click.argument("plan_id", type=int)
@click.option("--yes-hash", default="", help="The plan's hash (8 characters or more), instead of typing it.")
@click.option("--note", default="", help="Why it may run; needed with dangerous findings.")
@actor_option
@plainly
def approve_command(plan_id: int, yes_hash: str, note: str, actor: str) -> None:
    """Let a plan be run, by its hash."""
    plan = queries.get_plan(db.session(), plan_id)
    _tell_plan(plan)
    approving.approve(db.session(), plan, sql_hash=yes_hash or _typed(), actor=actor, note=note)
    db.session.commit()
    click.echo(f"plan {plan.id} is approved")


def _typed() -> str:
    return str(click.prompt(f"Type the first {approving.TYPED} characters of the hash"))


@fleet.command("run")
@click.argument("plan_id", type=int)
@click.option("--yes-hash", default="", help="The plan's hash; a draft is approved by it first.")
@click.option("--note", default="", help="Why a plan with dangerous findings may run.")
@click.option("--canary", default="", help="The tenant that goes first; the smallest if left out.")
@click.option("--waves", default="5,25,100", show_default=True, help="Per cent of the fleet by wave.")
@click.option("--workers", default=3, show_default=True, type=click.IntRange(1, MAX_WORKERS))
@click.option("--skip-backup", default="", help="Why there is no backup first; stays on record.")
@actor_option
@plainly
def run_command(plan_id: int, yes_hash: str, note: str, skip_backup: str, actor: str, **how: object) -> None:
    """Back up, then change every schema in waves, and wait for the end."""
    session = db.session()
    plan = queries.get_plan(session, plan_id)
    typed = (yes_hash or _typed()).strip().lower()
    if plan.status == PlanStatus.DRAFT:
        approving.approve(session, plan, sql_hash=typed, actor=actor, note=note)
    elif len(typed) < approving.TYPED or not plan.sql_hash.startswith(typed):
        raise click.ClickException(f"That is not the hash of plan {plan.id}.")
    options = Options(str(how["canary"]), shares_of(str(how["waves"])), int(str(how["workers"])))
    run = approving.start(session, plan, options=options, actor=actor, backup_skipped=skip_backup)
    session.commit()
    click.echo(f"run {run.id}")
    _follow(run.id, actor)


def _follow(run_id: int, actor: str) -> None:
    """Work on a run in this process and leave with its exit code."""
    settings: Settings = current_app.extensions["steward_settings"]
    with locks.try_lock(queries.LOCK) as lock:
        if lock is None:
            raise click.ClickException("A worker or another command line is at work on it.")
        try:
            executing.execute(Terminal(actor), run_id, settings)
        except executing.HaltedError as error:
            click.echo(error.message)
        except KeyboardInterrupt:
            _pause(run_id, actor)
    _leave(run_id)


def _pause(run_id: int, actor: str) -> None:
    session = db.session()
    run = steering.lock(session, run_id)
    if "pause" in steering.possible(session, run):
        steering.pause(session, run, actor=actor)
    session.commit()


def _leave(run_id: int) -> None:
    db.session.expire_all()
    run = queries.get_run(db.session(), run_id)
    _tell_run(run)
    sys.exit(EXITS[FleetStatus(run.status)])


@fleet.command("status")
@click.argument("run_id", type=int, required=False)
@plainly
def status_command(run_id: int | None) -> None:
    """Print the waves of a run, the open or newest one if left out; the exit code tells its state."""
    session = db.session()
    newest = queries.list_runs(session)
    run = (
        queries.get_run(session, run_id) if run_id else queries.find_open(session) or next(iter(newest), None)
    )
    if run is None:
        click.echo("there was no run yet")
        return
    _tell_run(run)
    sys.exit(EXITS[FleetStatus(run.status)])


def _tell_run(run: FleetRun) -> None:
    course = queries.course_of(db.session(), run)
    click.echo(f"run {run.id} of plan {run.plan_id}: {run.status} {run.reason}".rstrip())
    backup = (
        f"NO BACKUP: {run.backup_skipped}" if run.backup_skipped else f"backup {run.backup_id or 'not yet'}"
    )
    click.echo(f"{backup}, restore point {run.restore_point or 'none'}")
    for wave in course.waves:
        counted = ", ".join(f"{count} {state}" for state, count in wave.counts.items())
        click.echo(f"  {wave.title:10} {len(wave.tasks):5} schemas: {counted}")
    for task in course.failures:
        click.echo(f"  failed  {task.schema}: {task.error}")


@fleet.command("pause")
@click.argument("run_id", type=int)
@actor_option
@plainly
def pause_command(run_id: int, actor: str) -> None:
    """Begin no further schema."""
    run = steering.lock(db.session(), run_id)
    steering.pause(db.session(), run, actor=actor)
    db.session.commit()
    click.echo(f"run {run_id} is paused; schemas under way are finished")


@fleet.command("resume")
@click.argument("run_id", type=int)
@actor_option
@plainly
def resume_command(run_id: int, actor: str) -> None:
    """Go on with a paused or halted run and wait for its end."""
    run = steering.lock(db.session(), run_id)
    steering.resume(db.session(), run, actor=actor)
    db.session.commit()
    _follow(run_id, actor)


@fleet.command("retry")
@click.argument("run_id", type=int)
@click.argument("schema", default="")
@actor_option
@plainly
def retry_command(run_id: int, schema: str, actor: str) -> None:
    """Queue what failed again, or one schema of it; then resume the run."""
    run = steering.lock(db.session(), run_id)
    count = steering.retry(db.session(), run, actor=actor, schema=schema)
    db.session.commit()
    click.echo(f"{count} queued again; go on with: flask fleet resume {run_id}")


@fleet.command("skip")
@click.argument("run_id", type=int)
@click.argument("schema")
@click.option("--reason", required=True, help="Why it is left out; at least 10 characters.")
@actor_option
@plainly
def skip_command(run_id: int, schema: str, reason: str, actor: str) -> None:
    """Leave a schema out of a run."""
    run = steering.lock(db.session(), run_id)
    steering.skip(db.session(), run, schema, reason=reason, actor=actor)
    db.session.commit()
    click.echo(f"{schema} is left out")
