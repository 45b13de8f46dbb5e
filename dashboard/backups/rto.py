"""How long a restore would take: from the last passed drill, phase by phase, scaled to today's size."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from dashboard.backups import queries, rpo
from dashboard.backups.drills.models import Drill, Outcome
from dashboard.backups.wal import position_of
from dashboard.core.db import db
from dashboard.core.filters import duration
from dashboard.health.judging import CRITICAL, OK, WARNING
from dashboard.health.queries import get_reading
from dashboard.settings import queries as settings
from dashboard.settings.registry import exact_length

NO_DRILL = "Only a drill proves it: none has passed yet, so nothing is claimed."
WARN_SHARE = 0.8
TITLES = {
    "plan": "Plan",
    "fetch": "Fetch the backup",
    "wal": "Fetch WAL",
    "replay": "Replay WAL",
    "promote": "Promote",
    "start": "Start",
    "checks": "Check",
    "amcheck": "Check",
}
BY_SIZE, BY_WAL = {"fetch", "checks", "amcheck"}, {"wal", "replay"}


@dataclass(frozen=True)
class Phase:
    """One phase: seconds in the drill, seconds expected today, share of today's whole in percent."""

    key: str
    title: str
    measured: float
    expected: float
    share: float = 0.0
    begins: float = 0.0


@dataclass(frozen=True)
class Forecast:
    """What a restore of today would take, judged against the promise."""

    drill: Drill
    phases: list[Phase]
    seconds: float
    measured: float
    limit: int
    status: str
    text: str
    size_bytes: int | None
    wal_bytes: int | None

    @property
    def share(self) -> float:
        """Of the promise, in percent; more than 100 is broken."""
        return round(100 * self.seconds / self.limit, 1)


def find_passed(server: str) -> Drill | None:
    """Return the newest drill that passed."""
    passed = select(Drill).where(Drill.server == server, Drill.outcome == Outcome.PASSED)
    return db.session.scalar(passed.order_by(Drill.started_at.desc()).limit(1))


def forecast(server: str, now: datetime | None = None) -> Forecast | None:
    """Return what a restore would take at today's size; None before a drill has passed."""
    drill = find_passed(server)
    if drill is None or not drill.phases:
        return None
    size, wal = _size_today(server), _wal_today(server)
    by_size, by_wal = _growth(size, drill.cluster_bytes), _growth(wal, drill.wal_bytes)
    phases = _phases(drill, by_size, by_wal)
    seconds = sum(phase.expected for phase in phases)
    limit = settings.value("backups.rto_seconds")
    status, text = _judged(drill, seconds, limit, now or datetime.now(UTC))
    measured = sum(phase.measured for phase in phases)
    return Forecast(drill, phases, seconds, measured, limit, status, text, size, wal)


def _phases(drill: Drill, by_size: float, by_wal: float) -> list[Phase]:
    known = [key for key in TITLES if key in drill.phases]
    keys = known + [key for key in drill.phases if key not in TITLES]
    growth = {key: by_size if key in BY_SIZE else by_wal if key in BY_WAL else 1.0 for key in keys}
    expected = {key: drill.phases[key] * growth[key] for key in keys}
    whole, begins, phases = sum(expected.values()) or 1.0, 0.0, []
    for key in keys:
        share = 100 * expected[key] / whole
        title = TITLES.get(key, key.replace("_", " ").capitalize())
        phases.append(Phase(key, title, drill.phases[key], expected[key], round(share, 2), round(begins, 2)))
        begins += share
    return phases


def _size_today(server: str) -> int | None:
    newest = queries.find_newest(server)
    return newest.cluster_bytes if newest else None


def _wal_today(server: str) -> int | None:
    """WAL since the newest backup began: what would have to be replayed now."""
    newest, measured = queries.find_newest(server), rpo.parse(get_reading(rpo.READING))
    begin = position_of(newest.begin_lsn) if newest else None
    end = measured.primary.position if measured else None
    return max(0, end - begin) if begin is not None and end is not None else None


def _growth(today: int | None, then: int | None) -> float:
    """Without both sizes the drill's own time is the best guess. A smaller size promises nothing faster."""
    return max(1.0, today / then) if today and then else 1.0


def _judged(drill: Drill, seconds: float, limit: int, now: datetime) -> tuple[str, str]:
    promised = exact_length(limit)
    if seconds > limit:
        return CRITICAL, f"At today's size a restore would take longer than the {promised} promised."
    if seconds > WARN_SHARE * limit:
        return WARNING, f"At today's size a restore nearly takes the {promised} promised."
    days = settings.value("drills.every_days")
    if now - drill.started_at > timedelta(days=days):
        age = duration(now - drill.started_at)
        return WARNING, f"The last drill that passed is {age} old; one is due every {days} days."
    return OK, "forecast from the last drill's throughput for today's size"
