"""Builds what pages show of backups: the promises, the window, the card."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dashboard.backups import dials, queries, rpo, rto
from dashboard.backups.models import Backup
from dashboard.core.filters import ago, bytes_, duration
from dashboard.health.cards import Card, trouble
from dashboard.health.judging import CRITICAL, OK, WARNING, Finding, judge_archiver
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.health.refreshing import ACTIVITY
from dashboard.settings import queries as settings
from dashboard.settings.registry import exact_length

VIEW, RUN = "database.backups.view", "database.backups.run"


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


def promises(server: str, window: dict[str, Any], newest: Backup | None) -> list[Promise]:
    """RPO, RTO and freshness, each against what the settings promise."""
    return [_rpo(window), _rto(server), freshness(newest)]


def _rpo(window: dict[str, Any]) -> Promise:
    title = f"RPO: lose at most {exact_length(settings.value('backups.rpo_seconds'))}"
    archive = dials.current()[0]
    if archive.seconds is not None:
        return Promise(title, archive.status, archive.figure, "of work would be lost with the primary, now")
    if archive.taken_at is not None:
        return Promise(title, archive.status, None, archive.reason)
    return _rpo_by_window(title, window)


def _rpo_by_window(title: str, window: dict[str, Any]) -> Promise:
    """Until the first measurement the filed WAL is all that is known."""
    until: datetime | None = window.get("until_at")
    if until is None:
        return Promise(title, "unknown", None, "Nothing can be restored yet.")
    missing = datetime.now(UTC) - until
    text = "between now and the last moment the repository's WAL reaches without a gap, when last read"
    is_missed = missing > settings.length("backups.rpo_seconds")
    return Promise(title, CRITICAL if is_missed else OK, duration(missing), text)


def _rto(server: str) -> Promise:
    found = rto.forecast(server)
    title = f"RTO: back within {exact_length(settings.value('backups.rto_seconds'))}"
    if found is None:
        return Promise(title, "unverified", None, rto.NO_DRILL)
    return Promise(title, found.status, duration(found.seconds), found.text)


def freshness(newest: Backup | None) -> Promise:
    """The age of the newest backup, against what the settings call late."""
    late = settings.length("backups.late_seconds")
    title = f"A backup not older than {exact_length(int(late.total_seconds()))}"
    if newest is None or newest.age is None:
        return Promise(title, CRITICAL, None, "There is no backup to restore from.")
    status = WARNING if newest.age > late else OK
    return Promise(title, status, duration(newest.age), "since the newest one ended")


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
    fresh = freshness(newest)
    if newest is None:
        return fresh.status, "No backup yet", fresh.text
    headline = f"Newest {ago(newest.end_at).striptags()}, {bytes_(newest.size_bytes)}"
    failed = failed_checks(reading)
    if failed:
        return CRITICAL, headline, f"{provider_name(reading)}'s checks fail: {', '.join(failed)}."
    window = window_of(reading)
    if broken := _broken(window):
        return CRITICAL, headline, broken
    if not is_open(window):
        return fresh.status, headline, "The restorable window opens with the next archived WAL file."
    return fresh.status, headline, f"Restorable from {ago(window['from_at']).striptags()} on."


def _broken(window: dict[str, Any]) -> str:
    """Say what of the window breaks the promise; '' when nothing does."""
    if window.get("has_gap"):
        return "The repository's WAL has a gap: backups before it cannot be restored to the present."
    promise = _rpo(window)
    if promise.status == CRITICAL and promise.headline is None:
        return promise.text
    if promise.status == CRITICAL:
        promised = exact_length(settings.value("backups.rpo_seconds"))
        return f"RPO missed: the repository's WAL ends {promise.headline} ago; {promised} is promised."
    return ""


def is_open(window: dict[str, Any]) -> bool:
    """Whether the window holds a moment: right after the first backup its WAL is still on its way."""
    begin, end = window.get("from_at"), window.get("until_at")
    return bool(begin and end and begin <= end)


def provider_name(reading: Reading | None) -> str:
    """Return what people call the source of backups."""
    return str(reading.data.get("provider", "Barman")) if reading else "Barman"


def failed_checks(reading: Reading | None) -> list[str]:
    """Return the names of Barman's checks that failed."""
    checks = reading.data.get("checks", []) if reading else []
    return [check["name"] for check in checks if not check["passed"]]


def window_of(reading: Reading | None) -> dict[str, Any]:
    """Return the restorable window as last read; empty before that.

    What has arrived since, in part even, counts too: the RPO is measured six times a minute, and a restore
    fetches the half received file as well.
    """
    window: dict[str, Any] = dict(reading.values.get("window", {})) if reading and reading.taken_at else {}
    measured = rpo.parse(get_reading(rpo.READING))
    archive = measured.paths[0].safe_until_at if measured else None
    if archive and window.get("until_at") and not window.get("is_cut"):
        window["until_at"] = max(window["until_at"], archive)
    return window
