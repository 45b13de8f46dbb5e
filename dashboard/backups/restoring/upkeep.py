"""Keeps scratch servers tidy: what expired, what a killed worker left, what a restart stopped."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.backups.restoring.models import UNDER_WAY, Restore, RestoreStatus
from dashboard.backups.restoring.service import scratch_root, tear_down
from dashboard.core.config import Settings
from dashboard.jobs.models import FINISHED, JobRun
from dashboard.servers import ServerError
from dashboard.servers.scratch import ScratchServer, list_scratch_servers

LEFT = "Its worker ended in the middle; the folder it had begun was removed."
EXPIRED = "Its time was up."
AWAY = "Its data are no longer on this machine."
# A restore that no job run stands for (made from the command line) may take this long.
LONGEST = timedelta(hours=13)
START_SECONDS = 60.0


@dataclass
class Swept:
    """What one sweep did."""

    left: int = 0
    expired: int = 0
    restarted: int = 0
    folders: int = 0


def sweep(session: Session, settings: Settings) -> Swept:
    """Tidy up; the caller commits. Folders that no living row stands for are removed with their programs."""
    done = Swept()
    now = datetime.now(UTC)
    for restore in session.scalars(select(Restore).where(Restore.status.in_(UNDER_WAY))):
        if _is_left(session, restore, now):
            _fail(session, restore, LEFT)
            done.left += 1
    for restore in session.scalars(select(Restore).where(Restore.status == RestoreStatus.READY)):
        if restore.expires_at and restore.expires_at <= now:
            restore.reason = restore.reason or EXPIRED
            tear_down(session, restore)
            done.expired += 1
        elif restore.purpose != "drill":  # a drill stops its server itself, to read every page
            done.restarted += _keep_running(session, restore)
    done.folders = _remove_strays(session, settings)
    return done


def _is_left(session: Session, restore: Restore, now: datetime) -> bool:
    """Whether nobody works on it any more."""
    if restore.run_id is None:
        return now - restore.created_at > LONGEST
    run = session.get(JobRun, restore.run_id, populate_existing=True)
    return run is None or run.status in FINISHED


def _fail(session: Session, restore: Restore, reason: str) -> None:
    restore.status, restore.reason = RestoreStatus.FAILED, reason
    tear_down(session, restore)


def _keep_running(session: Session, restore: Restore) -> int:
    """Start a server again that ended with the stack or the machine; give up one that does not start."""
    server = ScratchServer(Path(restore.folder))
    if server.pid is not None:
        return 0
    try:
        server.start()
        server.wait(START_SECONDS)
    except (ServerError, OSError) as error:  # also TimeoutError
        _fail(session, restore, AWAY if not server.data.is_dir() else f"It does not start again: {error}")
        return 0
    return 1


def _remove_strays(session: Session, settings: Settings) -> int:
    """Remove folders without a living row, as after a restore whose row was never committed."""
    living = (*UNDER_WAY, RestoreStatus.READY)
    kept = set(session.scalars(select(Restore.folder).where(Restore.status.in_(living))))
    strays = [
        server for server in list_scratch_servers(scratch_root(settings)) if str(server.folder) not in kept
    ]
    for server in strays:
        server.remove()
    return len(strays)
