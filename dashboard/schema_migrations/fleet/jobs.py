"""Jobs of plans and runs.

A run is on the queue of the backups: it begins with one, and behind a restore drill it could wait for hours.
"""

from dataclasses import dataclass
from uuid import UUID

from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.schema_migrations.fleet import executing, planning, queries

RUN = "database.migrations.run"
LONGEST_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Follower:
    """A job's run as the one who follows a run of the fleet."""

    run: Run

    @property
    def job_id(self) -> UUID:
        """The job's run."""
        return self.run.id

    @property
    def actor(self) -> str:
        """Who asked for it."""
        return self.run.actor

    def log(self, text: str) -> None:
        """Add a line."""
        self.run.log(text)

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Show how far it is."""
        self.run.progress(done, total, text)

    def check_cancelled(self) -> None:
        """Leave the job when it has to end."""
        self.run.check_cancelled()


@job(queries.PLAN, title="Plan a migration", queue="default", permission=RUN, lock=queries.PLAN, timeout=300)
def plan(run: Run, *, to: str = "head") -> dict[str, object]:
    """Render, lock by lock and table by table, what brings every schema to a revision."""
    run.progress(0, 1, "Rendering and looking for dangers")
    made = planning.make_plan(db.session(), to=to, actor=run.actor)
    run.progress(1, 1, "Done")
    return {"plan": made.id, "sql_hash": made.sql_hash, "findings": len(made.findings)}


@job(
    queries.RUN,
    title="Change the fleet",
    queue="database",
    permission=RUN,
    lock=queries.LOCK,
    timeout=LONGEST_SECONDS,
    resumable=True,
)
def run_fleet(run: Run, *, fleet_run: int) -> dict[str, object]:
    """Back up, set the restore point, change every schema in waves; goes on where an earlier attempt died."""
    return executing.execute(Follower(run), fleet_run, get_settings())
