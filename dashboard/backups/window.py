"""Works out from when until when one can restore, from the catalogue and the WAL the repository has filed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dashboard.backups import queries
from dashboard.backups.models import Backup
from dashboard.backups.wal import WalRun, runs, segment_number
from dashboard.metrics.queries import find_at_most

POSITIONS = "wal.position"
# After a switch an idle server adds a page header and a snapshot of running transactions. A commit forces
# the next switch within archive_timeout (xlog.c, "important" records), so this hides nothing older than that.
IDLE_BYTES = 1024
EVERY_BACKUP = 10_000


@dataclass(frozen=True)
class Stretch:
    """A time one can restore to any moment of, with the WAL files at its ends."""

    from_at: datetime | None
    until_at: datetime | None
    first_wal: str
    last_wal: str


@dataclass(frozen=True)
class Window:
    """From when until when one can restore, as far as WAL reaches without a gap: the newest stretch.

    `stretches` are all, the oldest first; between two of them WAL is missing. `is_cut` says that the gap is
    behind the newest backup, so that nothing later can be reached before the next full backup.
    """

    from_at: datetime | None = None
    until_at: datetime | None = None
    last_wal: str | None = None
    has_gap: bool = False
    is_cut: bool = False
    stretches: list[Stretch] = field(default_factory=list)


def fulls_of(server: str) -> list[Backup]:
    """Return the full backups one can restore from, the oldest first: no restore begins without one."""
    return [
        backup
        for backup in reversed(queries.list_backups(server, limit=EVERY_BACKUP))
        if backup.is_restorable and backup.kind == "full" and backup.begin_wal
    ]


def window_from(server: str, fulls: list[Backup], names: Iterable[str], segment: int) -> Window:
    """Return the window that full backups and the names of the filed WAL files give."""
    if not fulls:
        return Window()
    found = runs(names, segment)
    if not found:
        return Window(fulls[0].end_at, fulls[-1].end_at)
    stretches = [stretch for run in found if (stretch := _stretch(server, fulls, run, segment))]
    has_gap = len(found) > 1
    if not stretches:
        return Window(last_wal=found[-1].last, has_gap=True)
    newest = stretches[-1]
    is_cut = newest.last_wal != found[-1].last
    return Window(newest.from_at, newest.until_at, newest.last_wal, has_gap, is_cut, stretches)


def _stretch(server: str, fulls: list[Backup], run: WalRun, segment: int) -> Stretch | None:
    first, last = segment_number(run.first, segment), segment_number(run.last, segment)
    within = [
        backup for backup in fulls if first <= segment_number(backup.begin_wal or "", segment) <= last + 1
    ]
    if not within:
        return None
    ends = [backup.end_at for backup in _all_within(server, run, segment) if backup.end_at]
    until = find_at_most(POSITIONS, run.end_position + IDLE_BYTES) or max(ends, default=None)
    return Stretch(within[0].end_at, until, run.first, run.last)


def _all_within(server: str, run: WalRun, segment: int) -> list[Backup]:
    """Positions are kept for two weeks; further back the ends of backups are what is known."""
    last = segment_number(run.last, segment)
    return [
        backup
        for backup in queries.list_backups(server, limit=EVERY_BACKUP)
        if backup.is_restorable and backup.end_wal and segment_number(backup.end_wal, segment) <= last
    ]
