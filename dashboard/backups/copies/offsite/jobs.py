"""Jobs of the off-site copy: bring it up to the repository, and prove that it can be restored."""

from dashboard.backups.copies.offsite import service
from dashboard.backups.copies.offsite.store import store_of
from dashboard.backups.service import barman_of
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "backups.copy_offsite",
    title="Copy backups off-site",
    # Neither backups nor restores wait for an upload, and small jobs do not either.
    queue="restores",
    permission="database.backups.run",
    lock="backups.offsite",
    timeout=12 * 3600,
    quiet=True,
)
def copy_offsite(run: Run) -> dict[str, object]:
    """Copy what is new (every 300 s); a round that fails is made up for by the next."""
    settings = get_settings()
    return service.copy(barman_of(settings), settings, run, db.session.commit)


@job(
    "backups.prove_offsite",
    title="Prove the off-site copy",
    queue="restores",
    permission="database.backups.run",
    lock="backups.offsite",
    timeout=12 * 3600,
)
def prove_offsite(run: Run) -> dict[str, object]:
    """Restore the newest off-site backup from the store alone, start it, and take it down again (weekly)."""
    settings = get_settings()
    if store_of(settings) is None:
        return {"note": service.NOT_SET}
    return service.prove(barman_of(settings), settings, run, db.session.commit)
