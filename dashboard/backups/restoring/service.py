"""Brings a backup back beside the live cluster: plan, fetch, replay, tear down.

The caller commits after `plan`; `bring_back` then writes its progress in transactions of its own.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from dashboard.backups import service as backups
from dashboard.backups.barman import Barman, BarmanError, Origin
from dashboard.backups.repository_wal import folders_of
from dashboard.backups.restoring import planning, replaying, wals
from dashboard.backups.restoring.errors import BackupBrokenError
from dashboard.backups.restoring.models import Restore, RestoreStatus
from dashboard.backups.restoring.planning import FreeBytes, TargetSpec, free_bytes
from dashboard.core.config import Settings
from dashboard.core.errors import DashboardError, UnavailableError
from dashboard.core.filters import bytes_
from dashboard.jobs.store import control_transaction
from dashboard.servers import ServerError, data_root, service_account
from dashboard.servers.scratch import ScratchServer, programs_for

KEPT_HOURS = 24
FOLDER = "scratch"
# Walking through a folder of many thousand files is not free.
MEASURE_EVERY_SECONDS = 1.0
# Of the whole: fetching is most of it on any real size.
FETCH_SHARE, WAL_SHARE = 60, 10


class Hooks(Protocol):
    """What a restore tells whoever runs it; a job's `Run` is one."""

    def check_cancelled(self) -> None:
        """Raise when it is to stop."""

    def log(self, text: str) -> None:
        """Take a line for people."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Take how far it is."""


def scratch_root(settings: Settings) -> Path:
    """Return the folder of all scratch servers, beside the servers of the stack."""
    return data_root(settings.home / "servers", service_account()) / FOLDER


def plan(
    session: Session,
    settings: Settings,
    *,
    purpose: str,
    target: TargetSpec,
    actor: str,
    backup_id: str = "",
    run_id: UUID | None = None,
    free: FreeBytes = free_bytes,
) -> Restore:
    """Choose the backup and check window, programs and disk; return the new row, which the caller commits.

    Raises InvalidInputError, ConflictError or NotFoundError with what to do; UnavailableError when Barman is
    away; BackupBrokenError when WAL is missing.
    """
    begun = time.monotonic()
    planning.check_target(target, by_reading=False)
    barman = backups.barman_of(settings)
    backup = planning.choose_backup(barman.server, target, backup_id)
    chain = planning.chain_of(backup)
    with _in_words():
        programs_for_backup(barman, backup.backup_id, settings)
        files = _wal_of(barman, backup.begin_wal or "", planning.last_position(target))
    need = planning.need_of(chain, len(files) * backups.segment_bytes())
    planning.check_room(scratch_root(settings), need, free)
    restore = Restore(
        purpose=purpose,
        target_kind=target.kind,
        target_at=target.at,
        target_name=target.name,
        server=barman.server,
        backup_id=backup.backup_id,
        status=RestoreStatus.PREPARING,
        bytes_total=need.written,
        wal_total=len(files),
        phases={"plan": round(time.monotonic() - begun, 3)},
        run_id=run_id,
        actor=actor,
    )
    session.add(restore)
    session.flush()
    restore.folder = str(scratch_root(settings) / str(restore.id))
    session.flush()
    return restore


def programs_for_backup(barman: Barman, backup_id: str, settings: Settings) -> Path:
    """Return the PostgreSQL programs of a backup's major version. Raises ServerError when there are none."""
    copies = data_root(settings.home / "servers", service_account()) / "bin"
    major = _origin(barman, backup_id).major
    return programs_for(major, service_account(), copies, explicit=settings.pg_bin)


def _wal_of(barman: Barman, begin_wal: str, until: int | None) -> list[wals.WalFile]:
    folders = folders_of(barman.config, barman.server)
    files = wals.find_wal(folders, begin_wal, backups.segment_bytes(), until=until)
    if not any(file.name == begin_wal for file in files):
        raise BackupBrokenError("the repository lacks the WAL this backup begins with", begin_wal)
    return files


@lru_cache(maxsize=64)
def origin_of(config: Path | None, server: str, program: str, backup_id: str) -> Origin:
    """Return which server a backup is of. It never changes, and Barman takes half a second to say it."""
    return Barman(config, server, program).find_origin(backup_id)


def _origin(barman: Barman, backup_id: str) -> Origin:
    return origin_of(barman.config, barman.server, barman.program, backup_id)


def bring_back(
    restore: Restore, settings: Settings, run: Hooks, *, hours: float = KEPT_HOURS
) -> ScratchServer:
    """Restore and return the running server; blocks. Whatever goes wrong leaves nothing but the row.

    Raises BackupBrokenError when the backup or its WAL is at fault, UnavailableError for trouble around it
    (Barman, disk, time), and what `run` raises when it is cancelled.
    """
    work = _Work(restore, settings, run)
    try:
        with _in_words():
            work.fetch()
            work.bring_wal()
            work.replay()
        now = datetime.now(UTC)
        work.save(status=RestoreStatus.READY, ready_at=now, expires_at=now + timedelta(hours=hours))
    except BaseException as error:
        work.server.remove()
        reason = error.message if isinstance(error, DashboardError) else _words_of(error)
        work.save(status=RestoreStatus.FAILED, reason=reason, gone_at=datetime.now(UTC))
        raise
    return work.server


def find_scratch(restore: Restore) -> ScratchServer | None:
    """Return the server of a restore that is ready; None for any other."""
    if restore.status != RestoreStatus.READY or not restore.folder:
        return None
    return ScratchServer(Path(restore.folder))


def tear_down(session: Session, restore: Restore) -> None:
    """Stop the server and delete its folder; the row stays as evidence. The caller commits."""
    if restore.folder:
        ScratchServer(Path(restore.folder)).remove()
    if restore.status != RestoreStatus.FAILED:
        restore.status = RestoreStatus.GONE
    restore.gone_at = restore.gone_at or datetime.now(UTC)
    session.flush()


class _Work:
    """One restore under way: its server, its phases, its row."""

    def __init__(self, restore: Restore, settings: Settings, run: Hooks) -> None:
        self.restore = restore
        self.run = run
        self.barman = backups.barman_of(settings)
        bin_folder = settings.pg_bin
        with _in_words():
            bin_folder = programs_for_backup(self.barman, restore.backup_id, settings)
        self.server = ScratchServer(Path(restore.folder), bin_folder=bin_folder)
        self._measured_at = 0.0

    def save(self, **values: Any) -> None:
        """Write some columns at once, whatever becomes of the caller's own transaction."""
        with control_transaction() as session:
            session.execute(update(Restore).where(Restore.id == self.restore.id).values(**values))
        for name, value in values.items():
            set_committed_value(self.restore, name, value)

    def note(self, phase: str, seconds: float) -> None:
        """Keep how long a phase took."""
        self.save(phases={**self.restore.phases, phase: round(seconds, 3)})

    @contextmanager
    def phase(self, name: str, status: RestoreStatus, text: str) -> Iterator[None]:
        """Measure one phase."""
        self.save(status=status)
        self.run.log(text)
        begun = time.monotonic()
        yield
        self.note(name, time.monotonic() - begun)

    def fetch(self) -> None:
        """Let Barman unpack the backup, and give it to the account of the servers."""
        restore, server = self.restore, self.server
        with self.phase("fetch", RestoreStatus.FETCHING, f"Fetching backup {restore.backup_id}."):
            server.make_folder()
            spaces = _origin(self.barman, restore.backup_id).tablespaces
            self.barman.restore(
                restore.backup_id,
                server.data,
                staging=server.folder / "staging",
                restore_command=replaying.restore_command(server),
                tablespaces={name: server.folder / "tablespaces" / name for name in spaces},
                tick=self._measure,
            )
            shutil.rmtree(server.folder / "staging", ignore_errors=True)
            server.own()
            self.save(bytes_done=restore.bytes_total)

    def _measure(self) -> None:
        self.run.check_cancelled()
        if time.monotonic() - self._measured_at < MEASURE_EVERY_SECONDS:
            return
        done = max(self.restore.bytes_done, folder_bytes(self.server.folder))
        self.save(bytes_done=done)
        total = max(self.restore.bytes_total, done, 1)
        self.run.progress(FETCH_SHARE * done // total, 100, f"Fetched {bytes_(done)} of {bytes_(total)}")
        self._measured_at = time.monotonic()

    def bring_wal(self) -> None:
        """Lay ready every WAL file the server may ask for."""
        restore, segment = self.restore, backups.segment_bytes()
        backup = planning.choose_backup(restore.server, self._target(), restore.backup_id)
        until = planning.last_position(self._target())
        with self.phase("wal", RestoreStatus.FETCHING, "Laying the WAL ready."):
            files = _wal_of(self.barman, backup.begin_wal or "", until)
            self.save(wal_total=len(files))
            for number, file in enumerate(files):
                self.run.check_cancelled()
                wals.bring(file, self.server.wal, self.barman, segment)
                done = FETCH_SHARE + WAL_SHARE * number // len(files)
                self.run.progress(done, 100, f"WAL file {number + 1} of {len(files)}")
            self.server.own_wal()

    def _target(self) -> TargetSpec:
        return replaying.target_of(self.restore)

    def replay(self) -> None:
        """Start the server and wait until it has left recovery."""
        self.save(status=RestoreStatus.REPLAYING)
        self.run.log("Starting the server: it replays the WAL up to the target.")
        before = FETCH_SHARE + WAL_SHARE
        total = max(self.restore.wal_total, 1)

        def tick(done: int) -> None:
            self.run.check_cancelled()
            if done > self.restore.wal_done:
                self.save(wal_done=min(done, total))
                share = (100 - before) * min(done, total) // total
                self.run.progress(before + share, 100, f"Replayed {done} of {total} WAL files")

        outcome = replaying.replay(self.server, self._target(), tick, self.run.log)
        self.note("replay", outcome.replay_seconds)
        self.note("promote", outcome.promote_seconds)
        if not outcome.is_target_passed:
            self.save(reason=replaying.NOTHING_LATER)
        self.save(reached_at=outcome.reached_at, wal_done=outcome.wal_files, wal_total=outcome.wal_files)
        shutil.rmtree(self.server.wal, ignore_errors=True)


def folder_bytes(folder: Path) -> int:
    """Return how many bytes the files below a folder have on disk now, while they come and go."""
    total = 0
    for parent, _, files in os.walk(folder):  # unlike `rglob` it bears folders that vanish
        for name in files:
            with suppress(OSError):
                total += os.lstat(f"{parent}/{name}").st_blocks * 512
    return total


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn what engines raise into what people and drills tell apart: broken backup, or trouble around it."""
    try:
        yield
    except BarmanError as error:
        raise replaying.judge_barman(str(error)) from error
    except ServerError as error:
        raise UnavailableError("the scratch server", str(error)) from error
    except TimeoutError as error:
        raise UnavailableError("the scratch server", str(error)) from error
    except OSError as error:
        raise UnavailableError("the disk", f"A file could not be written: {error}") from error


def _words_of(error: BaseException) -> str:
    words = str(error)
    return words or {"RunCancelledError": "Cancelled."}.get(type(error).__name__, "Its worker stopped.")
