"""Jobs of restores: bring back, tear down, tidy up, set a restore point."""

from datetime import datetime

from dashboard.audit.service import record_operation
from dashboard.backups.restoring import points, queries, service, upkeep
from dashboard.backups.restoring.models import Target
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.jobs.registry import Opens, job
from dashboard.jobs.run import Run

RUN = "database.restores.run"


@job(
    "backups.restore",
    title="Restore to a scratch server",
    queue="restores",
    permission=RUN,
    lock="backups.restore:{server}",
    timeout=13 * 3600,
    opens=Opens("Open the restore", "restores.details", {"restore_id": "restore"}),
)
def restore(  # the arguments of a job are flat
    run: Run,
    *,
    server: str = "main",  # noqa: ARG001  # names the lock
    kind: str = Target.LATEST,
    at: str = "",
    name: str = "",
    backup_id: str = "",
    hours: float = service.KEPT_HOURS,
) -> dict[str, object]:
    """Bring a backup back; `at` is ISO 8601 with a zone, `hours` how long the server is kept."""
    settings = get_settings()
    target = TargetSpec(Target(kind), datetime.fromisoformat(at) if at else None, name)
    planned = service.plan(
        db.session(),
        settings,
        purpose="look",
        target=target,
        actor=run.actor,
        backup_id=backup_id,
        run_id=run.id,
    )
    db.session.commit()
    service.bring_back(planned, settings, run, hours=hours)
    run.progress(100, 100, "The server is ready")
    seconds = round(sum(planned.phases.values()), 1)
    reached = planned.reached_at.isoformat() if planned.reached_at else None
    return {"restore": planned.id, "backup_id": planned.backup_id, "reached": reached, "seconds": seconds}


@job(
    "backups.tear_down_restore",
    title="Tear a scratch server down",
    queue="restores",
    permission=RUN,
    timeout=600,
)
def tear_down(run: Run, *, restore_id: int) -> dict[str, object]:
    """Stop the server and delete its data."""
    found = queries.get_restore(restore_id)
    service.tear_down(db.session(), found)
    record_operation("restore.torn_down", actor=run.actor, target=f"restore {restore_id}")
    return {"restore": restore_id}


@job(
    "backups.sweep_restores",
    title="Tidy up scratch servers",
    queue="restores",
    permission=RUN,
    lock="backups.sweep_restores",
    timeout=600,
    quiet=True,
)
def sweep(_run: Run) -> dict[str, object]:
    """Tear down what has expired and what a killed worker left (every 60 s)."""
    return dict(vars(upkeep.sweep(db.session(), get_settings())))


@job(
    "backups.create_restore_point",
    title="Create a restore point",
    queue="default",
    permission=RUN,
    timeout=120,
)
def create_point(run: Run, *, name: str, reason: str = "") -> dict[str, object]:
    """Write a named place into the primary's WAL."""
    point = points.create_point(db.session(), get_settings(), name=name, reason=reason, actor=run.actor)
    return {"name": point.name, "position": point.position}
