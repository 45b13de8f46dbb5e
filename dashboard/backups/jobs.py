"""Jobs around Barman: what it needs every minute, reading the catalogue, backing up."""

from dashboard.backups import service
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "backups.cron",
    title="Let Barman do its minute's work",
    # Not behind a backup on its queue: without it receive-wal dies, and backups with it.
    queue="default",
    permission="database.backups.run",
    lock="barman-cron",
    timeout=180,
    quiet=True,
)
def cron(_run: Run) -> dict[str, object]:
    """Keep receive-wal alive and enforce retention (every 60 s)."""
    service.barman_of(get_settings()).cron()
    return {}


@job(
    "backups.sync_catalogue",
    title="Read the backup catalogue",
    queue="default",
    permission="database.backups.view",
    lock="backups.sync_catalogue",
    timeout=300,
    quiet=True,
)
def sync_catalogue(_run: Run) -> dict[str, object]:
    """Read the repository (every 60 s); see to the very first backup."""
    barman = service.barman_of(get_settings())
    found = service.sync_catalogue(barman)
    if "error" not in found and service.needs_first_backup(barman.server):
        jobs.enqueue("backups.back_up", actor=SYSTEM_ACTOR)
    return found


@job(
    "backups.back_up",
    title="Back up now",
    queue="database",
    permission="database.backups.run",
    lock="barman",
    timeout=6 * 3600,
)
def back_up(run: Run, *, mode: str = "auto") -> dict[str, object]:
    """Make a base backup; `mode` is auto, full or incremental."""
    barman = service.barman_of(get_settings())
    run.progress(0, service.STEPS, "Preparing")
    try:
        backup_id = service.back_up(
            barman, mode=mode, on_line=run.log, on_phase=run.progress, tick=run.check_cancelled
        )
    finally:
        # Also after a failure, which the runner rolls back: the catalogue shows the failed backup.
        service.sync_catalogue(barman)
        db.session.commit()
    run.progress(service.STEPS, service.STEPS, "Done")
    return service.describe(barman.server, backup_id)
