"""Opens and closes the row of a rehearsal, decides where a restored schema begins, clears after dead ones."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError
from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from dashboard.backups.restoring import service as restoring
from dashboard.backups.restoring.models import Restore
from dashboard.core.errors import NotFoundError
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.fleet.models import FleetPlan
from dashboard.schema_migrations.fleet.steps import from_rows
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.rehearsal import queries
from dashboard.schema_migrations.rehearsal.models import Rehearsal, RehearsalOutcome

DIED = "The worker of this rehearsal died in the middle, or was ended. Nothing is known about the plan."


@dataclass(frozen=True)
class Begin:
    """Where a schema begins: the first step to do, what Alembic brings it to before, why it is left out."""

    step: int
    first_to: str = ""
    left_out: str = ""


def get_plan(plan_id: int) -> FleetPlan:
    """Return a plan on no session. Raises NotFoundError."""
    with control_transaction() as session:
        plan = session.get(FleetPlan, plan_id)
        if plan is None:
            raise NotFoundError("There is no such plan.")
        session.expunge(plan)
        return plan


def open_rehearsal(plan: FleetPlan, *, actor: str, run_id: UUID) -> Rehearsal:
    """Write the row of a rehearsal that begins."""
    row = Rehearsal(plan_id=plan.id, sql_hash=plan.sql_hash, actor=actor, job_run_id=run_id, schemas=[])
    with control_transaction() as session:
        session.add(row)
        session.flush()
        session.refresh(row)
        session.expunge(row)
    return row


def save(row: Rehearsal, **values: Any) -> None:
    """Write some columns at once, whatever becomes of anything else."""
    with control_transaction() as session:
        session.execute(update(Rehearsal).where(Rehearsal.id == row.id).values(**values))
    for name, value in values.items():
        set_committed_value(row, name, value)


def close(row: Rehearsal, outcome: RehearsalOutcome, reason: str = "") -> None:
    """Say how it ended."""
    save(row, outcome=outcome, reason=reason.strip(), finished_at=datetime.now(UTC))


def tear_down(restore_id: int | None) -> None:
    """Stop and remove the scratch server of a rehearsal, if there is one."""
    with control_transaction() as session:
        restore = session.get(Restore, restore_id) if restore_id else None
        if restore is not None and restore.gone_at is None:
            restoring.tear_down(session, restore)


def clear_dead(session: Session) -> int:
    """Close rehearsals without a worker and remove their scratch servers. The caller commits."""
    dead = queries.list_dead(session)
    for row in dead:
        row.outcome, row.reason, row.finished_at = RehearsalOutcome.BROKEN, DIED, datetime.now(UTC)
    left = queries.list_left(session)
    for restore in left:
        restoring.tear_down(session, restore)
    session.flush()
    return len({row.restore_id for row in dead} | {restore.id for restore in left})


class Road:
    """The steps of a plan as a way from revision to revision, in the graph of the code."""

    def __init__(self, plan: FleetPlan) -> None:
        self.steps = from_rows(plan.steps)
        self.is_down = plan.direction == "down"
        self.scripts = ScriptDirectory(History.TENANT.directory)
        self.begin: str | None = plan.fleet.get("start") or self._begin()
        self.stops: dict[str | None, int] = {self.begin: 0}
        for index, step in enumerate(self.steps):
            if step.reaches is not None:
                self.stops[step.reaches] = index + 1

    def _begin(self) -> str | None:
        """The revision from which the whole plan is done. Raises NotFoundError for one of another code."""
        revision = self.steps[0].revision
        try:
            parents = self.scripts.get_revision(revision).down_revision or ()
        except (RevisionError, CommandError) as error:
            raise NotFoundError(f"This code has no revision {revision}.", fix="Make a new plan.") from error
        if self.is_down:
            return revision
        return parents if isinstance(parents, str) else next(iter(parents), None)

    def where(self, revision: str | None) -> Begin:
        """Decide where a schema of the backup begins, which may be older or newer than the fleet."""
        if revision in self.stops:
            return Begin(self.stops[revision])
        if revision is None or revision in self._before():
            return Begin(0, first_to=self.begin or "")
        return Begin(len(self.steps), left_out=f"stands at {revision}, where the plan does not pass")

    def _before(self) -> set[str]:
        if self.begin is None:
            return set()
        return {script.revision for script in self.scripts.iterate_revisions(self.begin, "base")}
