"""The other way to a copy: the latest backup, restored, where no server can be copied or it is quicker."""

from sqlalchemy import select

from dashboard.backups.drills.models import Drill, Outcome
from dashboard.backups.models import Backup
from dashboard.backups.restoring import service as restoring
from dashboard.backups.restoring.models import Restore
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.filters import duration
from dashboard.failover.models import Kind
from dashboard.failover.queries import list_failovers
from dashboard.failover.rehearsal.copying import START_SECONDS, TIMELINE, Copied, in_words, number_of
from dashboard.failover.rehearsal.throw_away import APPLICATION, ThrowAwayServer
from dashboard.jobs.run import Run
from dashboard.jobs.store import control_transaction

PHASES = ("fetch", "wal", "replay", "promote")


def why_backup(settings: Settings, size: int) -> str:
    """Say why the latest backup is restored instead of copying a live server; '' when a server is copied."""
    if settings.backup_url is None:
        return "no login that may replicate is set (STEWARD_BACKUP_URL)"
    copied, restored = _copy_seconds(size), _restore_seconds(settings.backup_server, size)
    if copied is None or restored is None or restored >= copied:
        return ""
    return f"that takes about {duration(restored)}, copying a live server {duration(copied)}"


def _copy_seconds(size: int) -> float | None:
    """Forecast from the last rehearsal that copied."""
    for row in list_failovers(Kind.REHEARSAL):
        copied = row.report.get("copy") or {}
        if copied.get("bytes") and copied.get("seconds"):
            return float(size * copied["seconds"] / copied["bytes"])
    return None


def _restore_seconds(server: str, size: int) -> float | None:
    """Forecast from the last drill that passed."""
    query = select(Drill).where(Drill.server == server, Drill.outcome == Outcome.PASSED)
    drill = db.session.scalar(query.order_by(Drill.started_at.desc()).limit(1))
    if drill is None or not drill.cluster_bytes:
        return None
    seconds = sum(drill.phases.get(phase, 0.0) for phase in PHASES)
    return seconds * max(size / drill.cluster_bytes, 1.0) if seconds else None


def restore(made: Copied, settings: Settings, run: Run) -> Restore:
    """Bring the latest backup back as the pair's first server; tearing the row down removes it.

    Raises what restoring raises.
    """
    with control_transaction() as session:
        # As a drill's: the sweep of drills removes what a killed worker leaves.
        row = restoring.plan(
            session, settings, purpose="drill", target=TargetSpec(), actor=run.actor, run_id=run.id
        )
    db.session.commit()
    server = restoring.bring_back(row, settings, run)
    db.session.commit()
    backup = db.session.get(Backup, (row.server, row.backup_id))
    made.reached_at = row.reached_at or (backup.end_at if backup else None)
    with in_words():
        server.stop()
        made.old = ThrowAwayServer(server.folder, bin_folder=server.bin)
        made.old.start(
            {
                "synchronous_standby_names": APPLICATION if made.is_synchronous else "",
                "max_replication_slots": "10",
            }
        )
        made.old.wait(START_SECONDS, tick=run.check_cancelled)
        made.timeline = number_of(made.old, TIMELINE)
    made.size, made.seconds = restoring.folder_bytes(server.data), sum(row.phases.values())
    return row


def tear_down(row: Restore) -> None:
    """Remove the restored server."""
    with control_transaction() as session:
        found = session.get(Restore, row.id)
        if found is not None and found.gone_at is None:
            restoring.tear_down(session, found)
