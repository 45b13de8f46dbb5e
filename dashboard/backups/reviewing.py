"""Builds what pages show of backups: the promises, the window, the card."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.backups import queries
from dashboard.backups.models import Backup
from dashboard.core.filters import ago, bytes_, duration
from dashboard.health.cards import Card, trouble
from dashboard.health.judging import CRITICAL, OK, WARNING, Finding, judge_archiver
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.health.refreshing import ACTIVITY

VIEW, RUN = "database.backups.view", "database.backups.run"
# The strategy: RPO 1 h, and a backup every hour; one that is two hours late has been missed.
RPO = timedelta(hours=1)
LATE = timedelta(hours=3)


@dataclass(frozen=True)
class Promise:
    """A promise of the strategy with what is known about it; `headline` None reads as no data."""

    title: str
    status: str
    headline: str | None
    text: str


@dataclass(frozen=True)
class ArchiverState:
    """What the server says of its archiving, judged; `values` is empty when it was never read."""

    reading: Reading | None
    values: dict[str, Any]
    findings: list[Finding]


def archiver_state() -> ArchiverState:
    """Return the archiver as of the last health probe."""
    reading = get_reading(ACTIVITY)
    values = (reading.values.get("archiver") if reading and reading.taken_at else None) or {}
    return ArchiverState(reading, values, judge_archiver(values) if values else [])


def promises(window: dict[str, Any], newest: Backup | None) -> list[Promise]:
    """RPO, RTO and freshness, as far as they are measured today."""
    return [_rpo(window), _rto(), _freshness(newest)]


def _rpo(window: dict[str, Any]) -> Promise:
    until: datetime | None = window.get("until_at")
    if until is None:
        return Promise("RPO: lose at most 1 h", "unknown", None, "Nothing can be restored yet.")
    missing = datetime.now(UTC) - until
    text = "between now and the last moment the repository's WAL reaches without a gap, when last read"
    return Promise("RPO: lose at most 1 h", CRITICAL if missing > RPO else OK, duration(missing), text)


def _rto() -> Promise:
    text = "Only a drill proves it: none has been made, so nothing is claimed."
    return Promise("RTO: back within 4 h", "unverified", None, text)


def _freshness(newest: Backup | None) -> Promise:
    if newest is None or newest.age is None:
        return Promise("A backup every hour", CRITICAL, None, "There is no backup to restore from.")
    status = WARNING if newest.age > LATE else OK
    return Promise("A backup every hour", status, duration(newest.age), "since the newest one ended")


def card(server: str) -> Card:
    """Backups at a glance."""
    reading = queries.get_repository()
    newest, failure = queries.find_newest(server), queries.find_failure(server)
    status, headline, text = _summary(reading, newest)
    if failure:
        status, text = CRITICAL, f"The last backup failed: {failure.reason}"
    if doubt := trouble(reading, "The backup repository"):
        status, text = doubt
    return Card(
        "Backups",
        status,
        headline,
        text,
        "backups.page",
        VIEW,
        taken_at=reading.taken_at if reading else None,
        stale=bool(reading and reading.is_stale),
    )


def _summary(reading: Reading | None, newest: Backup | None) -> tuple[str, str, str]:
    freshness = _freshness(newest)
    if newest is None:
        return freshness.status, "No backup yet", freshness.text
    headline = f"Newest {ago(newest.end_at).striptags()}, {bytes_(newest.size_bytes)}"
    failed = failed_checks(reading)
    if failed:
        return CRITICAL, headline, f"Barman's checks fail: {', '.join(failed)}."
    window = window_of(reading)
    if broken := _broken(window):
        return CRITICAL, headline, broken
    if not is_open(window):
        return freshness.status, headline, "The restorable window opens with the next archived WAL file."
    return freshness.status, headline, f"Restorable from {ago(window['from_at']).striptags()} on."


def _broken(window: dict[str, Any]) -> str:
    """Say what of the window breaks the promise; '' when nothing does."""
    if window.get("has_gap"):
        return "The repository's WAL has a gap: backups before it cannot be restored to the present."
    rpo = _rpo(window)
    if rpo.status == CRITICAL:
        return f"RPO missed: the repository's WAL ends {rpo.headline} ago; 1 h is promised."
    return ""


def is_open(window: dict[str, Any]) -> bool:
    """Whether the window holds a moment: right after the first backup its WAL is still on its way."""
    begin, end = window.get("from_at"), window.get("until_at")
    return bool(begin and end and begin <= end)


def failed_checks(reading: Reading | None) -> list[str]:
    """Return the names of Barman's checks that failed."""
    checks = reading.data.get("checks", []) if reading else []
    return [check["name"] for check in checks if not check["passed"]]


def window_of(reading: Reading | None) -> dict[str, Any]:
    """Return the restorable window as last read; empty before that."""
    window: dict[str, Any] = reading.values.get("window", {}) if reading and reading.taken_at else {}
    return window
