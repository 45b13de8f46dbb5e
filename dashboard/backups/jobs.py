"""Jobs around Barman: what it needs every minute, reading the catalogue, backing up."""

from dashboard.backups import safekeeping, service, verifying
from dashboard.backups.models import Backup
from dashboard.backups.providers.choice import provider_of
from dashboard.backups.providers.interface import Restores, Watch
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import UnavailableError
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
    provider_of(get_settings()).tend()
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
    provider = provider_of(get_settings())
    found = provider.sync()
    if "error" not in found and service.needs_first_backup(provider.server):
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
    provider = provider_of(get_settings())
    run.progress(0, service.STEPS, "Preparing")
    try:
        backup_id = provider.back_up(mode, Watch(run.log, run.progress, run.check_cancelled))
    finally:
        # Also after a failure, which the runner rolls back: the catalogue shows the failed backup.
        provider.sync()
        db.session.commit()
    if provider.restores is Restores.SCRATCH:
        _ask_to_verify(provider.server, backup_id, actor=run.actor)
    run.progress(service.STEPS, service.STEPS, "Done")
    return service.describe(provider.server, backup_id)


def _ask_to_verify(server: str, backup_id: str, *, actor: str) -> None:
    """A backup is a hope until it was verified: do so at once, on the queue that does not hold up backups."""
    backup = db.session.get(Backup, (server, backup_id))
    if backup is not None and verifying.can_verify(backup):
        jobs.enqueue("backups.verify", {"backup_id": backup_id}, actor=actor)


@job(
    "backups.verify",
    title="Verify a backup",
    queue="restores",
    permission="database.backups.run",
    lock="backups.verify",
    timeout=6 * 3600,
)
def verify(run: Run, *, backup_id: str = "") -> dict[str, object]:
    """Compare a backup with its manifest; without an id, the one that was verified the longest ago.

    Ends as failed when the backup is broken: the verdict is kept, and the last good one is protected.
    """
    barman = service.barman_of(get_settings())
    backup_id = backup_id or verifying.choose_next(barman.server)
    if not backup_id:
        return {"note": "There is no backup that can be verified."}
    run.progress(0, 1, f"Comparing {backup_id} with its manifest")
    verdict = verifying.verify(barman, backup_id, run_id=run.id, tick=run.check_cancelled)
    db.session.commit()
    if not verdict.passed:
        run.log(f"{backup_id} is broken at {verdict.broken_file}: {verdict.reason}")
        if kept := safekeeping.keep_last_good(barman):
            run.log(f"{kept} is the newest that is not known to be broken; retention will not remove it.")
        raise UnavailableError(
            "backup",
            f"The backup {backup_id} is broken: {verdict.broken_file}. {verdict.reason}",
            fix="Make a full backup now; then look at the disk that holds the repository.",
        )
    run.progress(1, 1, "Every file is as it was written")
    return {"backup_id": backup_id, "passed": True, "seconds": verdict.seconds}


@job(
    "backups.keep",
    title="Keep a backup, or release it",
    queue="default",
    permission="database.backups.run",
    lock="barman-keep",
    timeout=180,
)
def keep(run: Run, *, backup_id: str, released: bool = False) -> dict[str, object]:
    """Exempt a full backup from retention, or let retention have it again."""
    settings = get_settings()
    barman = service.barman_of(settings)
    safekeeping.keep(barman, backup_id, released=released)
    safekeeping.review(barman, settings)
    db.session.commit()
    run.log(f"{backup_id} is {'released' if released else 'kept'}.")
    return {"backup_id": backup_id, "kept": not released}


@job(
    "backups.review_keeping",
    title="Read how backups are kept",
    queue="default",
    permission="database.backups.view",
    lock="backups.review_keeping",
    timeout=180,
    quiet=True,
)
def review_keeping(_run: Run) -> dict[str, object]:
    """Give Barman the agreed retention, read its policy, key and source (every 60 s)."""
    settings = get_settings()
    if settings.backup_provider != "barman":
        return {}
    return safekeeping.review(service.barman_of(settings), settings)
