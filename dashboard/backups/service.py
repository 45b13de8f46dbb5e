"""Keeps the catalogue, and makes backups."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from dashboard.backups import queries, verifying
from dashboard.backups.barman import BackupFacts, Barman, BarmanError, CheckResult
from dashboard.backups.models import FINAL, Backup
from dashboard.backups.wal import SEGMENT_BYTES
from dashboard.backups.window import POSITIONS as WAL_POSITIONS
from dashboard.backups.window import Window, fulls_of, window_from
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import UnavailableError
from dashboard.health.queries import get_reading
from dashboard.health.refreshing import INVENTORY
from dashboard.health.service import plain, store_reading
from dashboard.settings.queries import value

EVERY_SECONDS = 60
POSITIONS = WAL_POSITIONS
RETRY_FIRST = timedelta(minutes=10)
PHASES = (
    (re.compile(r"^Starting backup using"), "Barman starts"),
    (re.compile(r"^Starting backup copy"), "Copying the data folder"),
    (re.compile(r"^Copy done"), "The copy is made"),
    (re.compile(r"^Backup end at LSN"), "Waiting for the last WAL"),
    (re.compile(r"^Processing xlog"), "Filing WAL"),
)
STEPS = len(PHASES) + 1
# Before anything was copied, as when the receiver has died since the last check.
REFUSED = "Impossible to start the backup"


@dataclass(frozen=True)
class Repository:
    """What the page says about the repository beside the catalogue."""

    version: str
    checks: list[CheckResult]
    window: Window = field(default_factory=Window)


def barman_of(settings: Settings) -> Barman:
    """Return the engine for the configured server of Barman."""
    return Barman(settings.barman_config, settings.barman_server, settings.barman_bin)


def sync_catalogue(barman: Barman) -> dict[str, Any]:
    """Read the repository into the catalogue; a repository that cannot be read leaves it standing."""
    try:
        entries = barman.list_backups()
        for backup_id in _to_read(barman.server, {entry.backup_id: entry.status for entry in entries}):
            _store(barman.server, barman.show_backup(backup_id))
        _mark_gone(barman.server, [entry.backup_id for entry in entries])
        db.session.flush()
        repository = Repository(barman.version(), barman.check(), read_window(barman))
    except BarmanError as error:
        store_reading(queries.REPOSITORY, {}, str(error), every=EVERY_SECONDS)
        return {"error": str(error)}
    store_reading(queries.REPOSITORY, plain(repository), every=EVERY_SECONDS)
    return {"backups": len(entries)}


def _to_read(server: str, statuses: dict[str, str]) -> list[str]:
    """Backups that are new or may still change; a finished one never does."""
    known = dict(
        db.session.execute(select(Backup.backup_id, Backup.status).where(Backup.server == server)).all()
    )
    return [
        backup_id
        for backup_id, status in statuses.items()
        if known.get(backup_id) != status or status not in FINAL
    ]


def _store(server: str, facts: BackupFacts) -> None:
    """Write what is known of a backup; another process may find the same new one at the same moment."""
    known = {"server": server, "gone_at": None, **asdict(facts)}
    try:
        with db.session.begin_nested():
            db.session.merge(Backup(**known))
    except IntegrityError:
        db.session.merge(Backup(**known))


def _mark_gone(server: str, present: list[str]) -> None:
    gone = update(Backup).where(
        Backup.server == server, Backup.gone_at.is_(None), Backup.backup_id.not_in(present)
    )
    db.session.execute(gone.values(gone_at=datetime.now(UTC)))


def read_window(barman: Barman) -> Window:
    """Work out the restorable window. Gaps count: a restore cannot pass them."""
    fulls = fulls_of(barman.server)
    if not fulls:
        return Window()
    return window_from(barman.server, fulls, barman.list_wal(fulls[0].backup_id), segment_bytes())


def segment_bytes() -> int:
    """Return the size of a WAL segment, as the server last said; initdb's default before that."""
    inventory = get_reading(INVENTORY)
    settings = inventory.data.get("settings", []) if inventory else []
    values = {row["name"]: row["value"] for row in settings}
    return int(values.get("wal_segment_size", SEGMENT_BYTES))


def needs_first_backup(server: str) -> bool:
    """Whether there is nothing to restore from and nobody is about to change that."""
    return (
        queries.find_newest(server) is None
        and queries.find_running() is None
        and not queries.has_tried_lately(RETRY_FIRST)
    )


def parent_for(server: str, mode: str, now: datetime) -> str:
    """Return the parent of an incremental backup, '' for a full one.

    `auto` makes a full one as often as the settings say, and after any failure: the chain may be what failed.
    """
    if mode == "full":
        return ""
    full = queries.find_newest(server, kind="full")
    if full is None or full.end_at is None:
        return ""
    if mode == "incremental":
        return "latest"
    newest = queries.find_newest(server)
    if newest and verifying.is_broken(server, newest.backup_id):
        return ""  # what stands on a broken backup is broken too
    is_recent = now - full.end_at < timedelta(hours=value("backups.full_every_hours"))
    return "latest" if is_recent and summarises_wal() and queries.find_failure(server) is None else ""


def summarises_wal() -> bool:
    """Whether the server can serve incremental backups (summarize_wal, PostgreSQL 17 and newer)."""
    inventory = get_reading(INVENTORY)
    settings = inventory.data.get("settings", []) if inventory else []
    return any(row["name"] == "summarize_wal" and row["value"] == "on" for row in settings)


def back_up(
    barman: Barman,
    *,
    mode: str,
    on_line: Callable[[str], None],
    on_phase: Callable[[int, int, str], None],
    tick: Callable[[], None],
) -> str:
    """Make a backup and return its id. Raises UnavailableError."""
    parent = parent_for(barman.server, mode, datetime.now(UTC))
    on_line(f"Making {'an incremental' if parent else 'a full'} backup of {barman.server}.")

    def heard(line: str) -> None:
        on_line(line)
        for number, (pattern, text) in enumerate(PHASES, start=1):
            if pattern.match(line):
                on_phase(number, STEPS, text)

    try:
        _prepare(barman)
        try:
            return barman.backup(heard, incremental_from=parent, tick=tick)
        except BarmanError as error:
            if REFUSED not in str(error):
                raise
            on_line("Barman refused; its receiver is started once more.")
            barman.cron()
            return barman.backup(heard, incremental_from=parent, tick=tick)
    except BarmanError as error:
        fix = "Look at the checks on the backups page; they say what Barman misses."
        raise UnavailableError("Barman", f"The backup failed. {error}", fix=fix) from error


def _prepare(barman: Barman) -> None:
    """See that WAL is received; the very first backup also needs one WAL file in the repository."""
    if not _is_received():
        barman.cron()
    if queries.find_newest(barman.server) is None:
        barman.switch_wal()


def _is_received() -> bool:
    """Whether a check of the last minutes found the receiver at work: starting it again takes a second."""
    repository = queries.get_repository()
    if repository is None or repository.is_stale or repository.is_failing:
        return False
    checks = {check["name"]: check["passed"] for check in repository.data.get("checks", [])}
    return bool(checks.get("receive wal running"))


def describe(server: str, backup_id: str) -> dict[str, object]:
    """Return what a job's result says about a backup: id, kind, bytes, seconds."""
    backup = db.session.get(Backup, (server, backup_id))
    if backup is None:
        return {"backup_id": backup_id}
    seconds = backup.duration.total_seconds() if backup.duration else None
    return {"backup_id": backup_id, "kind": backup.kind, "size_bytes": backup.size_bytes, "seconds": seconds}
