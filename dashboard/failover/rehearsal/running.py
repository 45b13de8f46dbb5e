"""One rehearsal from begin to end: the pair, the failover, the checks, and tearing down in any case."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime

import structlog
from psycopg2.extensions import parse_dsn
from rq.timeouts import JobTimeoutException
from sqlalchemy.exc import SQLAlchemyError

from dashboard.backups.drills import checks as checking
from dashboard.backups.drills import live
from dashboard.backups.drills.checks import Scene
from dashboard.backups.drills.evidence import Check, DrillBrokenError
from dashboard.backups.drills.live import Begin, LiveAwayError
from dashboard.backups.restoring.models import Restore
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.core.filters import bytes_, duration
from dashboard.failover import queries, service
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.failover.rehearsal import copying, from_backup, keeping, losing
from dashboard.failover.rehearsal.copying import Copied
from dashboard.failover.rehearsal.errors import FailoverFailedError, RehearsalBrokenError
from dashboard.failover.rehearsal.losing import Measured
from dashboard.failover.service import Journal
from dashboard.health.connection import libpq_url
from dashboard.jobs.run import Run, RunCancelledError, RunStoppedError

log = structlog.get_logger()
STEPS = (
    *("choose", "copy", "catch_up", "cut", "pair"),
    *("write", "lose", "detect", "promote", "first_write", "checks"),
)
ENDED: dict[type[BaseException], str] = {
    RunCancelledError: "Cancelled while it ran.",
    RunStoppedError: "Its worker was stopped in the middle.",
    JobTimeoutException: "It took longer than its limit and was stopped.",
}


def perform(run: Run, settings: Settings, reason: str = "") -> Rehearsal:
    """Rehearse a failover and return its evidence, which is committed. Raises only what ends the run."""
    row = service.open_run(Kind.REHEARSAL, actor=run.actor, run_id=run.id, reason=reason)
    trial = _Trial(row, settings, run)
    status, error, stopped = Status.DONE, "", None
    try:
        trial.make_pair()
        trial.fail_over()
        trial.check()
    except BaseException as problem:
        status, error = judge(problem)
        stopped = problem if isinstance(problem, RunStoppedError) else None
        if status is Status.BROKEN and not isinstance(problem, RunStoppedError | RehearsalBrokenError):
            log.warning("rehearsal_broke", failover=row.id, exc_info=problem)
    left = trial.tear_down()
    service.close(row, status, " ".join(part for part in (error, left) if part))
    if stopped:
        raise stopped
    return row


def judge(problem: BaseException) -> tuple[Status, str]:
    """Tell what an error says: the failover does not work, or only the rehearsal did not."""
    if isinstance(problem, FailoverFailedError):
        return Status.FAILED, str(problem)
    return Status.BROKEN, _words(problem)


def _words(problem: BaseException) -> str:
    if isinstance(problem, RehearsalBrokenError | DrillBrokenError):
        return str(problem)
    if isinstance(problem, DashboardError):
        return f"{problem.message} {problem.fix}".strip()
    for kind, words in ENDED.items():
        if isinstance(problem, kind):
            return words
    return f"{type(problem).__name__}: {problem}"


def shortfalls(measured: Measured, outage_ms: float, *, is_synchronous: bool) -> list[str]:
    """Return what was measured and should not be, in sentences."""
    found = []
    if 1000 * measured.outage_seconds > outage_ms:
        found.append(
            f"The client could not write for {duration(measured.outage_seconds)}; "
            f"{duration(outage_ms / 1000)} were promised."
        )
    if measured.lost_rows and is_synchronous:
        found.append(
            f"{measured.lost_rows} acknowledged rows were lost although commits wait for the standby."
        )
    return found


class _Trial:
    """A rehearsal under way: its row, its journal, its servers."""

    def __init__(self, row: Rehearsal, settings: Settings, run: Run) -> None:
        self.row = row
        self.settings = settings
        self.run = run
        self.journal = Journal(row, self._say)
        self.begin: Begin | None = None
        self.made: Copied | None = None
        self.restored: Restore | None = None
        self.reached_at: datetime | None = None
        self.problems: list[str] = []
        self._tick: Callable[[], None] = run.check_cancelled

    def make_pair(self) -> None:
        """Bring the two servers up, the second following the first."""
        with self.journal.step("choose", "Choosing what to copy.") as step:
            made = self.made = copying.choose(self.settings, self.row.id)
            why = from_backup.why_backup(self.settings, made.source.size)
            what = f"the latest backup: {why}" if why else f"{made.source.name}, {made.source.role}"
            step.text = f"Copying {what}; {bytes_(made.source.size)} of databases."
            self._note_source(made, why)
        if why:
            self._restore(made)
        else:
            self._copy(made)
        with self.journal.step("pair", "Making a standby of the copy.") as step:
            copying.pair(made, self._tick)
            mode = "synchronous" if made.is_synchronous else "asynchronous"
            step.text = f"A second copy follows the first, {mode} as the live standbys are."

    def _note_source(self, made: Copied, why: str) -> None:
        service.save(self.row, scratch=str(copying.root_of(self.settings) / str(self.row.id)))
        source = {"name": made.source.name, "role": made.source.role, "bytes": made.source.size}
        service.note(
            self.row,
            source=source,
            method="backup" if why else "copy",
            synchronous=made.is_synchronous,
            promised_ms=queries.read_promises().outage_ms,
        )
        service.save(self.row, from_server="copy 1", to_server="copy 2")
        db.session.commit()  # nothing stays open for the hours that may follow

    def _restore(self, made: Copied) -> None:
        with self.journal.step("copy", "Restoring the latest backup.") as step:
            self._read_begin()
            self.restored = from_backup.restore(made, self.settings, self.run)
            step.text = f"Backup {self.restored.backup_id} restored, {bytes_(made.size)}; it stands alone."

    def _copy(self, made: Copied) -> None:
        with self.journal.step("copy", f"Copying {made.source.name}.") as step:
            copying.copy(made, self.settings, self._show, self._tick)
            rate = made.size / max(made.seconds, 0.001)
            step.text = f"{bytes_(made.size)} copied from {made.source.name}, {bytes_(rate)} a second."
            service.note(self.row, copy={"bytes": made.size, "seconds": round(made.seconds, 3)})
        with self.journal.step("catch_up", f"Following {made.source.name}.") as step:
            self._read_begin()
            behind = copying.catch_up(made, self.begin.position if self.begin else None, self._tick)
            step.text = f"Caught up: it was {bytes_(behind)} behind when it began to follow."
        with self.journal.step("cut", "Cutting the copy off and promoting it.") as step:
            copying.cut(made)
            step.text = "Cut off. From here on the live cluster has no part in it."

    def _read_begin(self) -> None:
        """Read where the live cluster stands; what it has by now must be in the copy."""
        try:
            self.begin = live.read_begin(libpq_url(self.settings.database_direct_url))
        except LiveAwayError as error:
            self.run.log(f"The live primary does not answer; nothing can be compared with it. {error}")

    def fail_over(self) -> None:
        """Lose the first server under writes, and keep what the client saw."""
        made = self._pair()
        self.reached_at = self._reached(made)
        service.save(self.row, timeline_before=made.timeline)
        measured = losing.fail_over(made, self.journal, self._tick)
        service.save(
            self.row,
            outage_ms=round(1000 * measured.outage_seconds, 1),
            lost_rows=measured.lost_rows,
            lost_bytes=measured.lost_bytes,
            timeline_after=measured.timeline,
        )
        service.note(self.row, probe=asdict(measured), reached_at=self.reached_at.isoformat())
        promised = float(self.row.report["promised_ms"])
        self.problems = shortfalls(measured, promised, is_synchronous=made.is_synchronous)

    def _reached(self, made: Copied) -> datetime:
        """Return the commit time up to which everything must be in the copy."""
        begun_at = self.begin.at if self.begin and self._has_all() else None
        return max((at for at in (made.reached_at, begun_at) if at), default=self.row.started_at)

    def _has_all(self) -> bool:
        """Whether the copy holds all that was written before the moment of the comparison."""
        return self.begin is not None and self.restored is None

    def check(self) -> None:
        """Check the new primary as drills check a restored backup; the last check stops it.

        Raises FailoverFailedError for everything that was found, here and before.
        """
        made, found = self._pair(), list[Check]()
        with self.journal.step("checks", "Checking the new primary's data.") as step:
            for check in checking.run_checks(self._scene(made)):
                found.append(check)
                self._say(f"{check.status.value}: {check.title} ({check.subject})")
                service.note(self.row, checks=[dict(one.row()) for one in found])
            bad = checking.failed(found)
            step.text = f"{len(found) - len(bad)} of {len(found)} checks did not find anything wrong."
            if bad:
                words = "; ".join(f"{one.title} ({one.subject}): {one.detail}" for one in bad)
                self.problems.append(f"The new primary's data are not right. {words}")
                step.state = service.FAILED
        if self.problems:
            raise FailoverFailedError(" ".join(self.problems))

    def _scene(self, made: Copied) -> Scene:
        url = libpq_url(self.settings.database_direct_url)
        return Scene(
            made.new,
            str(parse_dsn(url).get("dbname") or "postgres"),
            url,
            self.begin,
            reached_at=self.reached_at or self.row.started_at,
            reaches_begin=self._has_all(),
            tick=self._tick,
        )

    def _pair(self) -> Copied:
        assert self.made is not None  # noqa: S101  # for the type checker
        return self.made

    def tear_down(self) -> str:
        """Remove every server; return what is to be said when that failed, which the next sweep repeats."""
        self.journal.say = self._whisper  # a cancelled run hears nothing any more
        try:
            with self.journal.step("tear_down", "Removing the throw-away servers.") as step:
                if self.restored is not None:
                    from_backup.tear_down(self.restored)
                keeping.remove_servers(self.settings, self.row.id)
                step.text = "Both throw-away servers are gone."
        except (OSError, SQLAlchemyError) as error:
            log.warning("rehearsal_leftovers", failover=self.row.id, error=str(error))
            return f"The throw-away servers could not be removed; the next sweep tries again. {error}"
        return ""

    def _whisper(self, text: str) -> None:
        with suppress(RunStoppedError):
            self.run.log(text)

    def _say(self, text: str) -> None:
        self.run.log(text)
        self._show(text)

    def _show(self, text: str) -> None:
        done = sum(step["name"] in STEPS and step["state"] != service.RUNNING for step in self.row.steps)
        self.run.progress(min(done, len(STEPS) - 1), len(STEPS), text)
