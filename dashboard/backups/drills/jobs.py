"""Jobs of drills: the drill itself, the clocked row, and clearing away after drills that died."""

import psycopg2
from sqlalchemy.engine import make_url

from dashboard.backups.drills import queries, running, service
from dashboard.backups.drills.canary import write_canary
from dashboard.backups.drills.models import Outcome
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

LONGEST_SECONDS = 12 * 3600


@job(
    queries.DRILL,
    title="Restore drill",
    queue="restores",
    permission="database.drills.run",
    lock=queries.DRILL,
    timeout=LONGEST_SECONDS,
)
def drill(run: Run, *, backup_id: str = "") -> dict[str, object]:
    """Restore a backup (the newest unless named) to a scratch server, check everything, tear it down."""
    made = running.perform(run, get_settings(), backup_id)
    if made.outcome == Outcome.BACKUP_BROKEN:
        file = f" File: {made.broken_file}." if made.broken_file else ""
        raise ConflictError(f"Backup broken. {made.reason}{file}", fix="The drill's page says what to do.")
    if made.outcome != Outcome.PASSED:
        raise UnavailableError("the drill", f"Drill broken. {made.reason}")
    return {
        "drill": made.id,
        "backup_id": made.backup_id,
        "rpo_seconds": made.rpo_seconds,
        "rto_seconds": made.rto_seconds,
    }


@job(
    "backups.keep_drills",
    title="Clear away after drills that died, ask for the first one",
    queue="restores",
    permission="database.drills.run",
    lock="backups.keep_drills",
    timeout=600,
    quiet=True,
)
def keep_drills(_run: Run) -> dict[str, object]:
    """Close drills without a worker; ask for the first drill soon after the first backup (every 60 s)."""
    closed = service.close_dead()
    db.session.commit()
    if needs_first := queries.needs_first(get_settings().barman_server):
        jobs.enqueue(queries.DRILL, actor=SYSTEM_ACTOR)
    return {"closed": closed, "asked": needs_first}


@job(
    "backups.write_canary",
    title="Write the clocked row that drills look for",
    queue="default",
    permission="database.drills.run",
    lock="backups.write_canary",
    timeout=60,
    quiet=True,
)
def keep_canary(_run: Run) -> dict[str, object]:
    """Write a clocked row into the ERP cluster (every 60 s)."""
    owner = make_url(get_settings().database_direct_url).set(drivername="postgresql")
    try:
        written = write_canary(owner.render_as_string(hide_password=False))
    except psycopg2.Error as error:
        words = " ".join(str(error).split())
        raise UnavailableError("the primary", f"The clocked row was not written: {words}") from error
    return {"at": written.isoformat()}
