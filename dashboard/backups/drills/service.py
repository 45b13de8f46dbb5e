"""Opens and closes the evidence of a drill. Flushes; the job commits."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from dashboard.backups import service as backups
from dashboard.backups.drills import queries
from dashboard.backups.drills.evidence import Check
from dashboard.backups.drills.live import Begin
from dashboard.backups.drills.models import Drill, Outcome, Verification
from dashboard.backups.models import Backup
from dashboard.backups.restoring import service as restoring
from dashboard.backups.restoring.models import Restore
from dashboard.core.db import db
from dashboard.metrics.queries import find_at_most

POSITIONS = "wal.position"
RESTORED = "restored"
DIED = "The worker of this drill died in the middle, or was ended. Nothing is known about the backup."


def open_drill(server: str, *, actor: str, run_id: UUID) -> Drill:
    """Write the row of a drill that begins."""
    drill = Drill(server=server, actor=actor, run_id=run_id, outcome=Outcome.RUNNING, phases={}, checks=[])
    db.session.add(drill)
    db.session.flush()
    return drill


def close_dead() -> int:
    """Close drills whose worker is gone and remove what they left; return how many there were."""
    dead = queries.list_dead()
    for drill in dead:
        close(drill, Outcome.DRILL_BROKEN, DIED)
        tear_down(drill)
    for restore in queries.list_left():
        restoring.tear_down(db.session(), restore)
    return len(dead)


def tear_down(drill: Drill) -> None:
    """Stop and remove the scratch server of a drill, if it has one."""
    restore = find_restore(drill)
    if restore is not None and restore.gone_at is None:
        restoring.tear_down(db.session(), restore)


def find_restore(drill: Drill) -> Restore | None:
    """Return the restore of a drill: by its row, else by its run, which knows it a moment earlier."""
    if drill.restore_id is not None:
        return db.session.get(Restore, drill.restore_id)
    if drill.run_id is None:
        return None
    found = db.session.query(Restore).filter_by(run_id=drill.run_id).order_by(Restore.id.desc())
    return found.first()


def note_restore(drill: Drill, restore: Restore) -> None:
    """Take over what the restore measured."""
    drill.restore_id, drill.backup_id = restore.id, restore.backup_id
    drill.phases = {**drill.phases, **restore.phases}
    drill.reached_at = restore.reached_at
    backup = db.session.get(Backup, (restore.server, restore.backup_id))
    drill.cluster_bytes = (backup.cluster_bytes if backup else None) or restore.bytes_total or None
    drill.wal_bytes = restore.wal_done * backups.segment_bytes()
    db.session.flush()


def note_checks(drill: Drill, checks: Iterable[Check], seconds: float) -> None:
    """Keep the checks made so far, and how long all of them have taken."""
    drill.checks = [dict(check.row()) for check in checks]
    drill.phases = {**drill.phases, "checks": round(seconds, 3)}
    db.session.flush()


def measure_rpo(begin: Begin, end_position: int, reached_at: datetime | None) -> float | None:
    """Return how many seconds of work before `begin.at` the restore lacks; None when nothing tells.

    It lacks nothing when it reaches the position at which the primary's WAL stood then, however long ago the
    last transaction was: an idle primary loses nothing. Else the newest moment that is known to be in it
    counts: its last transaction, or the newest sample of the primary's position that it reaches.
    """
    if begin.position <= end_position:
        return 0.0
    known = [at for at in (reached_at, find_at_most(POSITIONS, end_position)) if at is not None]
    return max((begin.at - max(known)).total_seconds(), 0.0) if known else None


def close(drill: Drill, outcome: Outcome, reason: str = "", broken_file: str = "") -> None:
    """Say how a drill ended. What it says about the backup is kept as a verification of it."""
    drill.outcome, drill.reason, drill.broken_file = outcome, reason.strip(), broken_file
    # Not the database's clock: without a table that would ask the ERP, which may be away.
    drill.finished_at = max(datetime.now(UTC), drill.started_at)
    if outcome == Outcome.PASSED:
        drill.rto_seconds = round(sum(drill.phases.values()), 3)
    if outcome in {Outcome.PASSED, Outcome.BACKUP_BROKEN} and drill.backup_id:
        _verify(drill, passed=outcome == Outcome.PASSED)
    db.session.flush()


def _verify(drill: Drill, *, passed: bool) -> None:
    """Keep the verdict on the backup; of an encrypted one this is the only proof there is."""
    db.session.add(
        Verification(
            server=drill.server,
            backup_id=drill.backup_id,
            method=RESTORED,
            passed=passed,
            reason=drill.reason,
            broken_file=drill.broken_file,
            seconds=round(sum(drill.phases.values()), 3),
            run_id=drill.run_id,
            drill_id=drill.id,
        )
    )
    backup = db.session.get(Backup, (drill.server, drill.backup_id))
    if backup is not None:
        backup.verified_at = drill.finished_at if passed else None
