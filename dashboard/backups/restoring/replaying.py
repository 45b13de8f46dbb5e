"""Replays WAL on a scratch server up to a target; reads in its log how far it came and what went wrong."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.backups.restoring.errors import BackupBrokenError
from dashboard.backups.restoring.models import Restore, Target
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.errors import DashboardError, UnavailableError
from dashboard.servers import ServerError
from dashboard.servers.scratch import ScratchServer

LONGEST_SECONDS = 12 * 3600.0
READ_EVERY_SECONDS = 0.5
TARGETS = (
    "recovery_target",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_xid",
)
RESTORED = re.compile(r'LOG:  restored log file "[0-9A-F]{24}"')
REACHED = re.compile(r"last completed transaction was at log time (\S+ \S+)")
REDO_DONE = re.compile(r"^(\S+ \S+) UTC .*LOG:  redo done at", re.MULTILINE)
ACCEPTS = re.compile(r"^(\S+ \S+) UTC .*LOG:  database system is ready to accept connections", re.MULTILINE)
NOT_REACHED = "recovery ended before configured recovery target was reached"
NOTHING_LATER = (
    "No transaction in the repository's WAL is later than the target, so all of it was replayed. Whatever "
    "the primary wrote after the last transaction shown here and before the target has not been archived."
)
# What the server says when data or WAL are damaged, as opposed to a full disk or too little memory.
DAMAGE = re.compile(
    r"(?:FATAL|PANIC):  ((?:.*(?:checkpoint record|WAL ends before|control file|backup_label|"
    r"invalid page|references to invalid|requested timeline|could not locate|corrupt|invalid magic|"
    r"could not open file|could not access status).*))"
)
FILE = re.compile(r'"([^"]+)"')
BARMAN_FILE = re.compile(r"Error (?:decompressing|decrypting|copying) (\S+) into")
ROOM = re.compile(r"no space left|disk quota|cannot allocate memory|out of memory", re.IGNORECASE)
DAMAGED_COPY = re.compile(
    r"crc error|checksum|unexpected eof|unexpected end|not in gzip format|invalid compressed|corrupt|"
    r"zero block|skipping to next header|does not look like a tar|cannot open: no such file|"
    r"no such file or directory|pg_combinebackup|bad decrypt|decryption failed|no valid openpgp|mdc",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Outcome:
    """How a replay went: seconds by phase, files of WAL, the commit time of the last transaction brought."""

    replay_seconds: float
    promote_seconds: float
    wal_files: int
    reached_at: datetime | None
    # False when the WAL ends before the target: all of it was then replayed.
    is_target_passed: bool = True


def target_of(restore: Restore) -> TargetSpec:
    """Return what a restore aims at."""
    return TargetSpec(Target(restore.target_kind), restore.target_at, restore.target_name)


def restore_command(server: ScratchServer) -> str:
    """Return the command by which the server takes WAL from the folder that was filled for it."""
    folder = str(server.wal).replace("%", "%%").replace('"', '\\"')
    return f'cp "{folder}/%f" "%p"'


def recovery_settings(server: ScratchServer, target: TargetSpec) -> dict[str, str]:
    """Return the recovery settings of one start; on the command line they win over restored ones."""
    # Emptied ones first: the server counts one set before them as a second target.
    settings = {
        "restore_command": restore_command(server),
        **dict.fromkeys(TARGETS, ""),
        "recovery_target_timeline": "latest",
        "recovery_target_action": "promote",
    }
    if target.kind == Target.TIME and target.at is not None:
        del settings["recovery_target_time"]
        settings["recovery_target_time"] = f"{target.at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
    if target.kind == Target.POINT:
        del settings["recovery_target_name"]
        settings["recovery_target_name"] = target.name
    return settings


def replay(
    server: ScratchServer, target: TargetSpec, tick: Callable[[int], None], say: Callable[[str], None]
) -> Outcome:
    """Start the server and wait until it has left recovery. `tick` gets the number of files replayed.

    Raises BackupBrokenError when data or WAL are damaged, else UnavailableError.
    """
    watch = _Watch(server, tick)
    is_target_passed = True
    try:
        _run(server, target, watch)
    except ServerError as error:
        said = server.said()
        # An idle server writes nothing that is later than the target, and then the server refuses to stop.
        if NOT_REACHED not in said or target.kind != Target.TIME:
            raise judge_log(said, str(error)) from error
        say(NOTHING_LATER)
        _run_to_end(server, watch)
        is_target_passed = False
    seconds, promoting = time.monotonic() - watch.begun, _promote_seconds(server.said())
    replaying = max(seconds - promoting, 0.0)
    return Outcome(replaying, promoting, watch.files, watch.reached_at, is_target_passed)


def _run(server: ScratchServer, target: TargetSpec, watch: "_Watch") -> None:
    server.start(recovery_settings(server, target))
    server.wait(LONGEST_SECONDS, tick=watch)
    watch.look()


def _run_to_end(server: ScratchServer, watch: "_Watch") -> None:
    try:
        _run(server, TargetSpec(), watch)
    except ServerError as error:
        raise judge_log(server.said(), str(error)) from error


class _Watch:
    """Follows the server's log while it replays."""

    def __init__(self, server: ScratchServer, tick: Callable[[int], None]) -> None:
        self.server = server
        self.tick = tick
        self.begun = time.monotonic()
        self.files = 0
        self.reached_at: datetime | None = None
        self._looked_at = 0.0

    def __call__(self) -> None:
        if time.monotonic() - self._looked_at >= READ_EVERY_SECONDS:
            self.look()
            self.tick(self.files)

    def look(self) -> None:
        """Read the log."""
        said = self.server.said()
        self._looked_at = time.monotonic()
        self.files = len(RESTORED.findall(said))
        if found := REACHED.findall(said):
            self.reached_at = _moment(found[-1])


def _moment(text: str) -> datetime | None:
    """Read the server's own writing of a time; None when its zone is written as a name."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _promote_seconds(said: str) -> float:
    """Return the seconds between the last record and the first connection, as the server's log has them."""
    redone, accepts = REDO_DONE.findall(said), ACCEPTS.findall(said)
    if not redone or not accepts:
        return 0.0
    return (datetime.fromisoformat(accepts[-1]) - datetime.fromisoformat(redone[-1])).total_seconds()


def judge_log(said: str, words: str) -> DashboardError:
    """Tell damage from trouble around it by what the restored server said before it ended."""
    if NOT_REACHED in said:
        return UnavailableError(
            "the repository",
            "The WAL in the repository ends before the restore point.",
            fix="Wait until the WAL that holds it is archived (a minute at most), then restore again.",
        )
    damage = DAMAGE.search(said)
    if damage and not ROOM.search(said):
        named = FILE.search(damage[1])
        return BackupBrokenError(damage[1].strip(), named[1] if named else "")
    return UnavailableError("the scratch server", words, fix="Its job's log says more.")


def judge_barman(words: str) -> DashboardError:
    """Tell a damaged backup from trouble around it by what Barman said."""
    named = BARMAN_FILE.search(words)
    if ROOM.search(words):
        return UnavailableError("the disk", f"The restore ran out of room. {words}", fix="Free the space.")
    if named and DAMAGED_COPY.search(words):
        return BackupBrokenError(_damage(words), named[1])
    return UnavailableError(
        "Barman", f"Barman could not restore. {words}", fix="The backups page shows what its checks miss."
    )


def _damage(words: str) -> str:
    """Return the telling lines of what unpacking said."""
    lines = [line.strip() for line in words.split(": ", 1)[-1].splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith("See log file"))[:500]
