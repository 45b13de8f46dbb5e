"""One drill from its begin to its end: restore, check, tear down, and the evidence whatever happens."""

import time
from datetime import UTC, datetime

import psycopg2
import structlog
from rq.timeouts import JobTimeoutException
from sqlalchemy.engine import make_url

from dashboard.backups.drills import checks as checking
from dashboard.backups.drills import live, probes, service
from dashboard.backups.drills.checks import Scene
from dashboard.backups.drills.evidence import Check, DrillBrokenError
from dashboard.backups.drills.live import Begin, LiveAwayError
from dashboard.backups.drills.models import Drill, Outcome
from dashboard.backups.models import Backup
from dashboard.backups.restoring import service as restoring
from dashboard.backups.restoring.errors import BackupBrokenError
from dashboard.backups.restoring.models import Restore
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.jobs.run import Run, RunCancelledError, RunStoppedError
from dashboard.servers.scratch import ScratchServer

log = structlog.get_logger()


def perform(run: Run, settings: Settings, backup_id: str = "") -> Drill:
    """Make a drill and return its evidence, which is committed. Raises only what has to end the run."""
    if count := service.close_dead():
        run.log(f"{count} earlier drill had died; closed, and what it left removed.")
    drill = service.open_drill(settings.barman_server, actor=run.actor, run_id=run.id)
    db.session.commit()
    attempt = _Attempt(drill, settings, run)
    try:
        attempt.restore(backup_id)
        attempt.check()
    except BaseException as error:
        _give_up(attempt, error)
        if isinstance(error, RunStoppedError):
            raise
    finally:
        attempt.tear_down()
    return drill


def _give_up(attempt: "_Attempt", error: BaseException) -> None:
    """Close a drill that an error ended; its evidence outlives the run's own transaction."""
    db.session.rollback()
    outcome, reason, file = judge(error)
    if not isinstance(error, RunStoppedError | DashboardError | DrillBrokenError):
        log.warning("drill_broke", drill=attempt.drill.id, exc_info=error)
    attempt.note()
    service.close(attempt.drill, outcome, reason, file)
    db.session.commit()


def judge(error: BaseException) -> tuple[Outcome, str, str]:
    """Tell what an error says: of the backup, of the drill, or that somebody cancelled it."""
    if isinstance(error, BackupBrokenError):
        return Outcome.BACKUP_BROKEN, error.reason, error.broken_file
    if isinstance(error, RunCancelledError):
        return Outcome.CANCELLED, "Cancelled while it ran.", ""
    return Outcome.DRILL_BROKEN, _words(error), ""


def _words(error: BaseException) -> str:
    if isinstance(error, RunStoppedError):
        return "Its worker was stopped in the middle."
    if isinstance(error, JobTimeoutException):
        return "It took longer than its limit and was stopped."
    if isinstance(error, DashboardError):
        return f"{error.message} {error.fix}".strip()
    return str(error) if isinstance(error, DrillBrokenError) else f"{type(error).__name__}: {error}"


class _Attempt:
    """A drill under way: its row, its restore and the server it checks."""

    def __init__(self, drill: Drill, settings: Settings, run: Run) -> None:
        self.drill = drill
        self.settings = settings
        self.run = run
        self.owner = make_url(settings.database_direct_url)
        self.begin: Begin | None = None
        self.restored: Restore | None = None
        self.scratch: ScratchServer | None = None

    @property
    def live(self) -> str:
        """The owner's address of the live ERP, for psycopg2."""
        return self.owner.set(drivername="postgresql").render_as_string(hide_password=False)

    def restore(self, backup_id: str) -> None:
        """Bring the backup back, the newest one unless another is named."""
        try:
            self.begin = live.read_begin(self.live)
        except LiveAwayError as error:
            self.run.log(f"The live cluster does not answer; nothing can be compared with it. {error}")
        self.drill.target_at = self.begin.at if self.begin else datetime.now(UTC)
        self.restored = restoring.plan(
            db.session(),
            self.settings,
            purpose="drill",
            target=TargetSpec(),
            actor=self.run.actor,
            backup_id=backup_id,
            run_id=self.run.id,
        )
        self.note()
        db.session.commit()
        self.scratch = restoring.bring_back(self.restored, self.settings, self.run)
        self.note()
        if self.begin:
            self.drill.rpo_seconds = service.measure_rpo(
                self.begin, self.end_position(), self.restored.reached_at
            )
        db.session.commit()

    def note(self) -> None:
        """Keep what the restore has measured so far."""
        if self.restored is not None:
            service.note_restore(self.drill, self.restored)

    def end_position(self) -> int:
        """Return where the restored WAL ends, in bytes: where the server left the timeline it came on."""
        assert self.scratch is not None  # noqa: S101  # for the type checker
        try:
            with live.one_moment(self.scratch.url()) as at:
                return probes.read_end(at)
        except psycopg2.Error as error:
            raise DrillBrokenError(f"The restored server does not say how far it came: {error}") from error

    def check(self) -> None:
        """Make the checks, keeping each as it ends, and close the drill by what they found."""
        begun = time.monotonic()
        found: list[Check] = []
        for check in checking.run_checks(self._scene()):
            found.append(check)
            self.run.log(_line(check))
            self.run.progress(len(found), len(found) + 1, check.title)
            service.note_checks(self.drill, found, time.monotonic() - begun)
            db.session.commit()
        if bad := checking.failed(found):
            reason = "; ".join(f"{one.title} ({one.subject}): {one.detail}" for one in bad)
            file = next((one.file for one in bad if one.file), "")
            service.close(self.drill, Outcome.BACKUP_BROKEN, reason, file)
        else:
            service.close(self.drill, Outcome.PASSED)
        db.session.commit()

    def _scene(self) -> Scene:
        assert self.scratch is not None  # noqa: S101  # for the type checker
        return Scene(
            self.scratch,
            self.owner.database or "postgres",
            self.live,
            self.begin,
            reached_at=self._reached(),
            reaches_begin=self.drill.rpo_seconds == 0,
            tick=self.run.check_cancelled,
        )

    def _reached(self) -> datetime:
        """Return the moment up to which all must be there: without a transaction since, the backup's end."""
        backup = db.session.get(Backup, (self.drill.server, self.drill.backup_id))
        return self.drill.reached_at or (backup.end_at if backup else None) or self.drill.started_at

    def tear_down(self) -> None:
        """Remove the scratch server; a failure to do so is told and left to the next sweep."""
        try:
            service.tear_down(self.drill)
            db.session.commit()
        except OSError as error:
            db.session.rollback()
            log.warning("drill_leftovers", drill=self.drill.id, error=str(error))


def _line(check: Check) -> str:
    told = f": {check.detail}" if check.detail else ""
    return f"{check.status.value}: {check.title} ({check.subject}){told}"
