"""Keeps the off-site copy, its rows and its reading. `save` is the job's commit, after each whole step."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from dashboard.backups import keeping_barman
from dashboard.backups import service as backups
from dashboard.backups.barman import Barman, BarmanError
from dashboard.backups.copies import queries as copies
from dashboard.backups.copies import service as rows
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.offsite import copying, proving, repository
from dashboard.backups.copies.offsite.store import Differs, OffsiteStore, store_of
from dashboard.backups.safekeeping import agreed_policy
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, UnavailableError
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.health.service import store_reading
from dashboard.servers import ServerError, data_root, service_account
from dashboard.servers.binaries import postgres_bin
from dashboard.servers.scratch import ScratchServer

READING = "backups.offsite"
EVERY_SECONDS = 300
NOT_SET = "No off-site store is set: STEWARD_OFFSITE_URL is empty."
PROVEN_BY = "fetched from the store, restored from that alone, started as a server"


class Hooks(Protocol):
    """What long work tells whoever runs it; a job's `Run` is one."""

    id: UUID
    actor: str

    def check_cancelled(self) -> None:
        """Raise when it is to stop."""

    def log(self, text: str) -> None:
        """Take a line for people."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Take how far it is."""


def copy(barman: Barman, settings: Settings, run: Hooks, save: Callable[[], None]) -> dict[str, Any]:
    """Bring the off-site copy up to the repository: WAL, then base backups, then retention.

    Raises UnavailableError (StoreError) when the store or Barman is away; what was copied before counts.
    """
    store = store_of(settings)
    if store is None:
        return {"note": NOT_SET}
    try:
        return _copy(store, barman, run, save)
    except DashboardError as error:
        db.session.rollback()
        store_reading(READING, {}, f"{error.message} {error.fix}".strip(), every=EVERY_SECONDS)
        save()
        raise


def _copy(store: OffsiteStore, barman: Barman, run: Hooks, save: Callable[[], None]) -> dict[str, Any]:
    root = _root_of(barman)
    try:
        wal = copying.copy_wal(store, root, run.check_cancelled)
        waiting = copying.missing(store, root)
        for number, held in enumerate(waiting):
            run.progress(number, len(waiting), f"Copying {held.backup_id}")
            _copy_one(store, root, held, run, save)
        here = [held.backup_id for held in repository.list_backups(root)]
        local_wal = {path.name for _, paths in repository.wal_folders(root) for path in paths}
    except OSError as error:
        raise UnavailableError("Barman", f"The repository cannot be read: {error}") from error
    gone = _enforce(store, barman, here, local_wal)
    _note(store, wal, save)
    return {"backups": len(waiting), "wal_files": wal.files, "newest_wal": wal.newest, "removed": gone}


def _root_of(barman: Barman) -> Path:
    try:
        root = Path(keeping_barman.read_server(barman).backup_directory)
    except BarmanError as error:
        raise UnavailableError("Barman", str(error)) from error
    if not root.is_dir():
        raise UnavailableError("Barman", f"The repository {root} is not on this machine.")
    return root


def _copy_one(
    store: OffsiteStore, root: Path, held: repository.HeldBackup, run: Hooks, save: Callable[[], None]
) -> None:
    made = rows.begin(
        CopyKind.OFFSITE, held.backup_id, location=store.where(store.server), actor=run.actor, run_id=run.id
    )
    made.encrypted = bool(held.encryption)
    save()
    try:
        manifest = copying.copy_backup(store, root, held, run.check_cancelled)
    except (DashboardError, OSError) as error:
        rows.fail(made, getattr(error, "message", "") or f"The repository cannot be read: {error}")
        save()
        raise
    rows.finish(
        made,
        size_bytes=manifest.size,
        kind=manifest.kind,
        parent_id=manifest.parent_id,
        files={name: [stored.size, stored.sha256] for name, stored in manifest.files.items()},
    )
    save()
    run.log(f"{held.backup_id}: {len(manifest.files)} files are off-site.")


def _enforce(store: OffsiteStore, barman: Barman, here: list[str], local_wal: set[str]) -> int:
    """Let retention apply off-site too."""
    try:
        kept = keeping_barman.list_kept(barman)
    except BarmanError as error:
        raise UnavailableError("Barman", str(error)) from error
    going = copying.outdated(store, here, agreed_policy(), kept, datetime.now(UTC))
    for manifest in going:
        copying.remove_backup(store, manifest)
        for row in _rows_of(manifest.backup_id):
            rows.mark_gone(row)
    if going:
        copying.remove_wal(store, local_wal, backups.segment_bytes())
    return len(going)


def _rows_of(backup_id: str) -> list[BackupCopy]:
    return copies.list_copies(CopyKind.OFFSITE, subject=backup_id, statuses=[copies.DONE])


def _note(store: OffsiteStore, wal: copying.WalCopied, save: Callable[[], None]) -> None:
    whole = store.list_whole()
    read = {
        "location": store.where(store.server),
        "backups": len(whole),
        "newest_backup": whole[-1] if whole else "",
        "newest_wal": wal.newest,
        "wal_files": len(wal.names),
    }
    store_reading(READING, read, every=EVERY_SECONDS)
    save()


def get_state() -> Reading | None:
    """Return what the last copy found; with its error when the newest one failed."""
    return get_reading(READING)


def prove(barman: Barman, settings: Settings, run: Hooks, save: Callable[[], None]) -> dict[str, Any]:
    """Fetch the newest backup into a fresh Barman home, restore it and start it. Marks its row as proven.

    Raises ConflictError when there is nothing off-site, or when it cannot be restored; such a backup counts
    no more, so that the next copy sends it again.
    """
    store = store_of(settings)
    if store is None:
        raise ConflictError(NOT_SET, fix="docs/production.md says how to set one.")
    whole = store.list_whole()
    if not whole:
        raise ConflictError("There is no backup off-site yet.", fix="Copy first.")
    account = service_account()
    servers = data_root(settings.home / "servers", account)
    try:
        programs = postgres_bin(account, servers / "bin", explicit=settings.pg_bin)
        with proving.workplace(servers / "offsite-proof") as folder:
            found = _prove_in(folder, programs, store, whole[-1], barman, run)
    except (BarmanError, ServerError, OSError) as error:
        raise UnavailableError(
            "off-site proof", f"The off-site copy could not be restored: {error}"
        ) from error
    except Differs as error:
        _distrust(store, error, save)
        raise ConflictError(
            f"The off-site copy of {whole[-1]} is broken: {error}.",
            fix="It counts no more and is copied again by the next run.",
        ) from error
    for row in _rows_of(whole[-1]):
        rows.mark_proven(row, PROVEN_BY)
    save()
    return found


def _prove_in(
    folder: Path, programs: Path, store: OffsiteStore, backup_id: str, barman: Barman, run: Hooks
) -> dict[str, Any]:
    home, segment = folder / "barman", backups.segment_bytes()
    home.mkdir(mode=0o700)
    run.progress(0, 3, f"Fetching {backup_id} and its WAL")
    fetched = proving.fetch(store, backup_id, home, run.check_cancelled, segment)
    run.log(f"Fetched {fetched.files} files, {fetched.size} bytes, WAL up to {fetched.newest_wal}.")
    config = proving.write_config(home, store.server, programs, keeping_barman.passphrase_command(barman))
    alone = Barman(config, store.server, barman.program)
    server = ScratchServer(folder / "server", bin_folder=programs)
    run.progress(1, 3, "Restoring it from that alone")
    outcome = proving.restore(
        alone, backup_id, fetched.manifest.begin_wal, server, run.check_cancelled, run.log, segment
    )
    run.progress(2, 3, "Looking into the running server")
    seen = proving.look(server)
    reached = outcome.reached_at.isoformat() if outcome.reached_at else None
    return {"backup_id": backup_id, "newest_wal": fetched.newest_wal, "reached_at": reached, **seen}


def _distrust(store: OffsiteStore, broken: Differs, save: Callable[[], None]) -> None:
    """Let what is broken count no more, so that the next copy sends it again."""
    if broken.folder is not None:
        files = store.read_wal(broken.folder)
        files.pop(broken.name, None)
        store.write_wal(broken.folder, files)
    if broken.backup_id:
        store.drop_manifest(broken.backup_id)
        for row in _rows_of(broken.backup_id):
            rows.fail(row, f"A proof found it broken: {broken}.")
    save()


def build_section(address: str) -> dict[str, Any]:
    """Return what the copies page shows of it; `address` is '' where no store is set."""
    state = get_state()
    return {
        "address": address,
        "reading": state,
        "facts": dict(state.values) if state and state.taken_at else {},
        "copies": copies.list_copies(CopyKind.OFFSITE),
        "failure": copies.find_failure(CopyKind.OFFSITE),
        "proven": copies.find_proven(CopyKind.OFFSITE),
        "totals": copies.sum_up(CopyKind.OFFSITE),
        "running": copies.find_run("backups.copy_offsite", "backups.prove_offsite"),
    }
