"""The steps of a release that change databases: control, backup, shared tables, then the fleet of tenants."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from dashboard.backups.restoring import points
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.jobs import locks
from dashboard.release.pending import Pending, schemas
from dashboard.release.wishes import Done, Say, StepError, Wishes
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.fleet import approving, executing, planning, queries, safeguarding, steering
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetStatus, PlanStatus
from dashboard.schema_migrations.histories import PLANS, History
from dashboard.schema_migrations.rehearsal import queries as rehearsals
from dashboard.tenancy import queries as tenancy

SHOWN = 5
NOT_REHEARSED = "  not rehearsed: the plan's page can try it on a restored copy first"


@dataclass
class Follower:
    """A command line that follows a backup or a run of the fleet."""

    actor: str
    say: Say
    job_id: UUID | None = None
    told: str = ""

    def log(self, text: str) -> None:
        """Tell a line."""
        self.say(f"  {text}")

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Tell what has changed."""
        line = f"  {text}: {done} of {total}"
        if line != self.told:
            self.told = line
            self.say(line)

    def check_cancelled(self) -> None:
        """Go on."""


def migrate(history: History, say: Say) -> bool:
    """Bring one of the two small histories to its head, in one transaction; whether there was anything."""
    with migrations.locked_connection(PLANS[history].bind) as connection:
        moved = migrations.upgrade(connection, history)
    say(f"  {'migrated to' if moved else 'already at'} {', '.join(migrations.heads(history))}")
    tenancy.forget()
    return moved


def back_up(settings: Settings, wishes: Wishes, done: Done, say: Say) -> None:
    """Make a verified backup and a restore point, unless a reason was given not to."""
    if wishes.skip_backup:
        if len(wishes.skip_backup.strip()) < approving.REASON:
            raise StepError(f"Say in at least {approving.REASON} characters why there is no backup.")
        say(f"  no backup: {wishes.skip_backup}")
        return
    follower = Follower(wishes.actor, say)
    done.backup_id = safeguarding.verified_backup(follower, done.began_at, settings, follower.check_cancelled)
    name = f"before-release-{done.began_at:%Y%m%d-%H%M%S}"
    points.create_point(db.session(), settings, name=name, reason="Before a release", actor=wishes.actor)
    db.session.commit()
    done.restore_point = name
    say(f"  backup {done.backup_id} is verified; restore point {name} is set")


def check_not_ahead(pending: Pending) -> None:
    """Refuse to release code that does not know where schemas stand: its smoke tests could not pass."""
    if pending.ahead:
        raise StepError(
            f"{schemas(len(pending.ahead))} of a newer release, which this code does not know: "
            f"{', '.join(pending.ahead[:SHOWN])}{' and more' if len(pending.ahead) > SHOWN else ''}.",
            fix="A newer release made or migrated them: release that code. To go back to this one all the "
            "same, restart it without a release: it works on tables to which newer ones only added (expand).",
        )


def check_no_run(pending: Pending) -> None:
    """Refuse to begin beside a run of the fleet that waits for somebody."""
    if pending.schemas is None:
        return
    if found := queries.find_open(db.session()):
        raise StepError(
            f"Run {found.id} of the fleet is {found.status}.",
            fix=f"Finish or cancel it first: flask fleet status {found.id}.",
        )


def plan_and_approve(wishes: Wishes, say: Say) -> FleetPlan | None:
    """Return an approved plan of what would run; None when every tenant stands at the head."""
    session = db.session()
    try:
        plan = _known(wishes) or planning.make_plan(session, actor=wishes.actor)
    except planning.NothingToPlanError as nothing:
        say(f"  {nothing.message}")
        return None
    session.commit()
    _tell(plan, say)
    if plan.status == PlanStatus.DRAFT:
        typed = wishes.approve or _typed(plan, wishes)
        approving.approve(session, plan, sql_hash=typed, actor=wishes.actor, note=wishes.note)
        session.commit()
    say(f"  plan {plan.id} is approved by {plan.approved_by}")
    return plan


def _known(wishes: Wishes) -> FleetPlan | None:
    """Return the newest plan for the head that is approved, or was named by its hash, and still holds."""
    (head,) = migrations.heads(History.TENANT)
    usable = [PlanStatus.APPROVED, *([PlanStatus.DRAFT] if wishes.approve else [])]
    query = select(FleetPlan).where(
        FleetPlan.to_revision == head, FleetPlan.direction == planning.UP, FleetPlan.status.in_(usable)
    )
    for plan in db.session.scalars(query.order_by(FleetPlan.id.desc())):
        is_meant = plan.sql_hash.startswith(wishes.approve.strip().lower())
        if is_meant and not planning.mark_stale(db.session(), plan):
            return plan
    return None


def _typed(plan: FleetPlan, wishes: Wishes) -> str:
    if wishes.ask is None:
        raise StepError(
            f"Plan {plan.id} is not approved.",
            fix=f"Look at it, then approve it: --approve {plan.sql_hash[: approving.TYPED]}… or on its page.",
        )
    return wishes.ask(f"Type the first {approving.TYPED} characters of the hash to approve plan {plan.id}")


def _tell(plan: FleetPlan, say: Say) -> None:
    facts = plan.fleet
    say(f"  plan {plan.id}: {facts['schemas']} schemas from {facts['start']} to {plan.to_revision}")
    say(f"  hash {plan.sql_hash}")
    for row in plan.findings:
        say(f"  {row['level']}: {row['message']}")
    tried = rehearsals.find_passed(plan)
    say(f"  rehearsed: {tried.started_at:%Y-%m-%d %H:%M} UTC, passed" if tried else NOT_REHEARSED)
    if not plan.is_reversible:
        say(f"  not reversible: {plan.irreversible_reason}")


def run_fleet(plan: FleetPlan, settings: Settings, wishes: Wishes, done: Done, say: Say) -> None:
    """Change every tenant by the plan, in waves; the release's own backup is the run's. Raises StepError."""
    session = db.session()
    run = approving.start(
        session, plan, options=wishes.fleet, actor=wishes.actor, backup_skipped=wishes.skip_backup
    )
    run.backup_id, run.restore_point = done.backup_id, done.restore_point
    session.commit()
    done.run_id = run.id
    say(f"  run {run.id}")
    with locks.try_lock(queries.LOCK) as lock:
        if lock is None:
            raise StepError("A worker or another command line is at work on the fleet.")
        try:
            ended = executing.execute(Follower(wishes.actor, say), run.id, settings)
        except DashboardError as error:
            raise StepError(error.message, fix=error.fix) from error
        except KeyboardInterrupt:
            _pause(run.id, wishes.actor)
            raise
    if ended["status"] != FleetStatus.DONE:
        raise StepError(f"Run {run.id} is {ended['status']}.")
    done.tenants = int(ended.get("done", 0))


def _pause(run_id: int, actor: str) -> None:
    """Let the schemas that are under way end; the run can be gone on with."""
    session = db.session()
    run = steering.lock(session, run_id)
    if "pause" in steering.possible(session, run):
        steering.pause(session, run, actor=actor)
    session.commit()
