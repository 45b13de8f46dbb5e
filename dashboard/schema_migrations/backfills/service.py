"""Starts and stops data changes for people: the queue does the work."""

from dashboard.core.config import Settings
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun
from dashboard.jobs.run import Run
from dashboard.schema_migrations.backfills.batches import Who
from dashboard.schema_migrations.backfills.declared import DataChange, DeclarationError, get_change
from dashboard.schema_migrations.backfills.pressure import Standbys
from dashboard.schema_migrations.backfills.running import Outcome, run_change
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.revisions import distances

JOB = "backfills.run"


def reached_by(change: DataChange) -> frozenset[str]:
    """Return the revisions at which a schema has what the change needs. Raises DeclarationError."""
    behind = distances(History.TENANT)
    if change.needs not in behind:
        raise DeclarationError(
            f"migrations/data/{change.name}.sql needs {change.needs!r}, which is no revision of the tenants.",
            fix="Name one of migrations/tenant.",
        )
    return frozenset(
        revision for revision, left in behind.items() if revision and left <= behind[change.needs]
    )


def ask_for_run(name: str, *, actor: str, start_over: str = "") -> JobRun:
    """Ask for a data change to be run, or resumed. Raises NotFoundError, DeclarationError."""
    reached_by(get_change(name))
    return jobs.enqueue(JOB, {"name": name, "start_over": start_over}, actor=actor)


def run(settings: Settings, name: str, follower: Run, *, start_over: str = "") -> Outcome:
    """Run a data change over all tenants for a job."""
    change = get_change(name)
    return run_change(
        settings.database_direct_url,
        change,
        reached_by(change),
        who=Who(follower.actor, str(follower.id)),
        follower=follower,
        late=Standbys(settings.database_monitor_url).late,
        start_over=[start_over] if start_over and follower.attempt <= 1 else [],
    )
