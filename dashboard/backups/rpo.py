"""Measures, every ten seconds, what would be lost on each path if the primary were gone now.

The rule: a path safely holds the WAL up to some position. Everything committed before the newest sample of
the LSN-time index at or below that position is safe; so is everything up to the newest commit that stands in
the WAL the path holds. The later of the two is `safe_until_at`, and the loss is the time since. It is 0
while the primary has not moved past the position. What is not known is said, never shown as 0.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.backups import queries, verifying
from dashboard.backups.barman import BarmanError
from dashboard.backups.models import DONE, Backup
from dashboard.backups.position_probes import Primary, StandbyPosition, read_primary, read_standby
from dashboard.backups.repository_wal import HeldWal, folders_of, held_wal
from dashboard.backups.wal import SEGMENT_BYTES, position_of
from dashboard.core.config import Settings, Standby
from dashboard.health.connection import ProbeError
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.metrics.queries import find_at_most
from dashboard.metrics.service import record

READING, POSITIONS = "backups.rpo", "wal.position"
REPLICATION = "replication"  # stored by the feature above this one
EVERY_SECONDS = 10
RECEIVER = "barman_receive_wal"
ARCHIVE, SYNC, DR = "archive", "sync", "dr"
TITLES = {ARCHIVE: "Archive", SYNC: "Synchronous standby", DR: "DR standby"}
HELD, BEHIND, NO_DATA, NOT_EXPECTED = "held", "behind", "no_data", "not_expected"
# After a switch an idle server adds a page header and a snapshot of running transactions. A commit forces
# the next switch within archive_timeout (a minute), so after twice that such a tail holds nothing to lose.
IDLE_BYTES = 1024
IDLE_AFTER = timedelta(seconds=120)
REMEMBERED = 7  # a minute of measurements tells the pace


@dataclass(frozen=True)
class Path:
    """One way back to the data: `end` in bytes of WAL, `reason` why there is no figure or what is odd."""

    key: str
    title: str
    name: str = ""
    state: str = NO_DATA
    reason: str = ""
    end: int | None = None
    last_wal: str = ""
    behind_bytes: int | None = None
    commit_at: datetime | None = None
    safe_until_at: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """The primary as of this measurement, or as it was last seen when it does not answer."""

    position: int | None = None
    clock_at: datetime | None = None
    skew_seconds: float = 0.0
    error: str = ""
    down_since_at: datetime | None = None
    next_to_finish: int | None = None
    quiet_position: int | None = None
    quiet_since_at: datetime | None = None


@dataclass(frozen=True)
class Measurement:
    """What is stored. `trail` is the archive's recent (time, safe until) pairs, for the pace."""

    measured_at: datetime
    primary: Seen
    paths: list[Path]
    trail: list[dict[str, Any]] = field(default_factory=list)


def measure(settings: Settings, *, segment: int = SEGMENT_BYTES) -> dict[str, float | None]:
    """Ask everybody, store reading and samples; return seconds at risk by path (None: no data)."""
    before = _before()
    with ThreadPoolExecutor(max_workers=1 + len(settings.members)) as pool:
        asked = pool.submit(_ask_primary, settings.database_monitor_url)
        answers = list(pool.map(_ask_standby, settings.members))
        standbys = {row.name: answer for row, answer in zip(settings.members, answers, strict=True)}
        primary, error, skew = asked.result()
    expected = _without_primary(settings, standbys)
    seen = _seen(primary, error, skew, before)
    if primary:
        record({POSITIONS: float(primary.at.position)}, at=primary.at.clock_at)
    paths = [
        _archive(settings, primary, before, segment),
        _standby_path(SYNC, _synchronous(expected), primary, standbys, before),
        _standby_path(DR, _distant(expected), primary, standbys, before),
    ]
    return _store(seen, [_judged(path, seen, segment) for path in paths], before)


def _without_primary(settings: Settings, answers: Mapping[str, StandbyPosition | str]) -> tuple[Standby, ...]:
    """Return the members that should follow: all but the one that takes writes, whichever that is now.

    A primary without a name of its own (no DATABASE_PRIMARY) is none of them.
    """
    if settings.primary is None:
        return settings.standbys
    writers = [
        name for name, answer in answers.items() if not isinstance(answer, str) and not answer.in_recovery
    ]
    gone = writers[:1] or [settings.primary.name]
    return tuple(member for member in settings.members if member.name not in gone)


def _store(seen: Seen, paths: list[Path], before: Mapping[str, Any]) -> dict[str, float | None]:
    now = datetime.now(UTC)
    trail = [*before.get("trail", []), {"at": now, "safe_until_at": paths[0].safe_until_at}][-REMEMBERED:]
    found = plain(Measurement(now, seen, paths, trail))
    store_reading(READING, found, every=EVERY_SECONDS)
    figures = {path.key: at_risk(path, seen, now) for path in paths}
    record({f"rpo.{key}": seconds for key, seconds in figures.items()}, at=now)
    return figures


def _before() -> Mapping[str, Any]:
    reading = get_reading(READING)
    return reading.values if reading and reading.taken_at else {}


def _ask_primary(url: str) -> tuple[Primary | None, str, float]:
    """Return the answer, or why there is none, and how far its clock is ahead of this machine's."""
    asked_at = datetime.now(UTC)
    try:
        answer = read_primary(url)
    except ProbeError as error:
        return None, str(error), 0.0
    middle = asked_at + (datetime.now(UTC) - asked_at) / 2
    return answer, "", (answer.at.clock_at - middle).total_seconds()


def _ask_standby(standby: Standby) -> StandbyPosition | str:
    try:
        return read_standby(standby.url)
    except ProbeError as error:
        return str(error)


def _seen(primary: Primary | None, error: str, skew: float, before: Mapping[str, Any]) -> Seen:
    last = Seen(**before["primary"]) if before.get("primary") else Seen()
    if primary is None:
        return replace(last, error=error, down_since_at=last.down_since_at or datetime.now(UTC))
    at = primary.at
    seen = Seen(at.position, at.clock_at, skew, next_to_finish=at.next_to_finish)
    if at.oldest_running != at.next_to_finish:
        return seen
    # Nothing runs that could commit. If no number was used since, all there is lay before that position.
    is_quiet = last.next_to_finish == at.next_to_finish and last.quiet_position is not None
    since = (last.quiet_position, last.quiet_since_at) if is_quiet else (at.position, at.clock_at)
    return replace(seen, quiet_position=since[0], quiet_since_at=since[1])


def _archive(settings: Settings, primary: Primary | None, before: Mapping[str, Any], segment: int) -> Path:
    if settings.backup_provider != "barman":
        return _managed(Path(ARCHIVE, TITLES[ARCHIVE], settings.backup_server))
    path = Path(ARCHIVE, TITLES[ARCHIVE], settings.barman_server)
    newest = _start_of_restore(settings.barman_server)
    if newest is None or not newest.begin_wal:
        return replace(
            path, reason="There is no backup to start a restore from that is not known to be broken."
        )
    earlier = _path_before(ARCHIVE, before)
    known = HeldWal(earlier["end"], "", commit_at=earlier["commit_at"]) if earlier.get("end") else None
    try:
        folders = folders_of(settings.barman_config, settings.barman_server)
        held = held_wal(folders, newest.begin_wal, segment, known=known)
    except BarmanError as error:
        return _as_told(path, primary, str(error))
    if not held.last:
        return replace(
            path, reason=f"WAL file {held.missing}, with which the newest backup begins, is missing."
        )
    commit_at = held.commit_at
    if commit_at is None and known and known.end <= held.end:
        commit_at = known.commit_at
    end_of_backup = position_of(newest.end_lsn)
    if commit_at is None and end_of_backup is not None and held.end >= end_of_backup:
        commit_at = newest.begin_at  # what was there when the backup began is in it
    reason = f"WAL file {held.missing} is missing: a restore ends before it." if held.missing else ""
    return replace(path, end=held.end, last_wal=held.last, commit_at=commit_at, reason=reason)


def _managed(path: Path) -> Path:
    """A managed service tells a moment, no position: the latest one it restores to, read every minute."""
    reading = queries.get_repository()
    window = reading.values.get("window", {}) if reading and reading.taken_at else {}
    if not window.get("until_at"):
        return replace(path, reason="The service tells no moment that it could restore to.")
    reason = reading.error if reading and reading.error else ""
    return replace(path, state=BEHIND, safe_until_at=window["until_at"], reason=reason)


def _start_of_restore(server: str) -> Backup | None:
    """Return the newest backup with all its WAL, else the newest; never one that was found broken."""
    rows = [row for row in queries.list_backups(server) if row.is_restorable]
    rows.sort(key=lambda row: row.status != DONE)
    return next((row for row in rows if not verifying.is_broken(server, row.backup_id)), None)


def _as_told(path: Path, primary: Primary | None, problem: str) -> Path:
    """Without Barman's folders all there is is what its receiver tells the primary."""
    rows = [row for row in primary.receivers if row.name == RECEIVER and row.written] if primary else []
    if not rows:
        return replace(path, reason=f"{problem} And its receiver is not connected to the primary.")
    reason = f"{problem} The figure is what its receiver says it has written; gaps would not be seen."
    return replace(path, end=rows[0].written, reason=reason)


def _path_before(key: str, before: Mapping[str, Any]) -> Mapping[str, Any]:
    rows: list[Mapping[str, Any]] = before.get("paths", [])
    return next((row for row in rows if row["key"] == key), {})


def _synchronous(expected: tuple[Standby, ...]) -> list[Standby]:
    """Those commits shall wait for: by the setting, as replication last read it, else as declared."""
    reading = get_reading(REPLICATION)
    want = reading.data.get("wanted", {}) if reading else {}
    if want.get("by_setting"):
        return [standby for standby in expected if standby.name in want["names"]]
    return [standby for standby in expected if standby.mode == "sync"]


def _distant(expected: tuple[Standby, ...]) -> list[Standby]:
    """The first standby listed stands beside the primary; one in another region is for a disaster."""
    home = expected[0].region if expected else ""
    return [standby for standby in expected if standby.region != home]


def _standby_path(
    key: str,
    chosen: list[Standby],
    primary: Primary | None,
    answers: Mapping[str, StandbyPosition | str],
    before: Mapping[str, Any],
) -> Path:
    """Of several the one that holds the most counts: that is the one to fail over to."""
    if not chosen:
        where = "synchronous standby" if key == SYNC else "standby in another region"
        return Path(key, TITLES[key], state=NOT_EXPECTED, reason=f"No {where} is expected.")
    paths = [_of_standby(key, standby, primary, answers[standby.name], before) for standby in chosen]
    return max(paths, key=lambda path: path.end if path.end is not None else -1)


def _of_standby(
    key: str,
    standby: Standby,
    primary: Primary | None,
    answer: StandbyPosition | str,
    before: Mapping[str, Any],
) -> Path:
    path = Path(key, TITLES[key], standby.name)
    senders = [row for row in primary.receivers if row.name == standby.name] if primary else []
    told = max((row.flushed for row in senders if row.flushed is not None), default=None)
    if isinstance(answer, str):
        return _silent(path, told, answer, before)
    if not answer.in_recovery:
        return replace(path, reason=f"{standby.name} was promoted: it is no standby any more.")
    end = max((at for at in (told, answer.held) if at is not None), default=None)
    if end is None:
        return replace(path, reason=f"{standby.name} has received nothing yet.")
    reason = "" if senders or not primary else f"{standby.name} does not stream from the primary."
    return replace(path, end=end, commit_at=answer.commit_at, reason=reason)


def _silent(path: Path, told: int | None, problem: str, before: Mapping[str, Any]) -> Path:
    """A standby that does not answer still has on its disk what it had."""
    earlier = _path_before(path.key, before)
    is_same = earlier.get("name") == path.name and earlier.get("end") is not None
    end = told if told is not None else (earlier["end"] if is_same else None)
    if end is None:
        return replace(path, reason=f"{path.name} does not answer: {problem}")
    commit_at = earlier["commit_at"] if is_same else None
    reason = f"{path.name} does not answer; the figure is what it held when last heard. {problem}"
    return replace(path, end=end, commit_at=commit_at, reason=reason)


def _holds_all_commits(end: int, seen: Seen, segment: int) -> bool:
    """Whether nothing was committed behind `end`, although the server wrote on: checkpoints, a switch."""
    if seen.quiet_position is None or seen.quiet_since_at is None or seen.clock_at is None:
        return False
    is_old = seen.clock_at - seen.quiet_since_at > IDLE_AFTER
    allowed = IDLE_BYTES if is_old and end % segment == 0 else 0
    return end + allowed >= seen.quiet_position


def _judged(path: Path, seen: Seen, segment: int) -> Path:
    """Decide whether the primary moved past the path's end, and until when all is safe there."""
    if path.end is None:
        return path
    if seen.position is None or seen.clock_at is None:
        return replace(path, reason=f"{path.reason} The primary has never answered: {seen.error}".strip())
    is_held = path.end >= seen.position or _holds_all_commits(path.end, seen, segment)
    behind, state = (0, HELD) if is_held else (seen.position - path.end, BEHIND)
    sampled = seen.clock_at if is_held else find_at_most(POSITIONS, float(path.end))
    safe = max((at for at in (sampled, path.commit_at) if at is not None), default=None)
    if safe is None:
        reason = f"{path.reason} It is not known when the WAL it ends with was written.".strip()
        return replace(path, reason=reason, behind_bytes=behind)
    return replace(path, state=state, behind_bytes=behind, safe_until_at=safe)


def at_risk(path: Path, seen: Seen, now: datetime) -> float | None:
    """Return the seconds of work a path would lose now; None when that is not known."""
    if path.safe_until_at is None:
        return None
    if path.state == HELD and not seen.error:
        return 0.0
    return max(0.0, (now + timedelta(seconds=seen.skew_seconds) - path.safe_until_at).total_seconds())


def parse(reading: Reading | None) -> Measurement | None:
    """Return the last measurement; None before the first."""
    if reading is None or reading.taken_at is None:
        return None
    values = reading.values
    return Measurement(
        values["measured_at"],
        Seen(**values["primary"]),
        [Path(**row) for row in values["paths"]],
        values["trail"],
    )
