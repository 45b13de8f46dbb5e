"""Proves the off-site copy: fetched into a fresh Barman home, restored, and started as a server."""

import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from dashboard.backups.barman import Barman
from dashboard.backups.copies.offsite.store import Differs, Manifest, OffsiteStore
from dashboard.backups.repository_wal import folders_of
from dashboard.backups.restoring import replaying, wals
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.backups.wal import NAME, SEGMENT_BYTES, segment_number
from dashboard.servers import service_account
from dashboard.servers.folders import make_passable
from dashboard.servers.scratch import ScratchServer

CONFIG = """\
[barman]
barman_user = {user}
barman_home = {home}
barman_lock_directory = {home}
log_file = {home}/barman.log
path_prefix = {bin}

[{server}]
description = "fetched from the off-site copy"
conninfo = host=127.0.0.1 port=1 user=nobody dbname=postgres connect_timeout=1
streaming_conninfo = host=127.0.0.1 port=1 user=nobody connect_timeout=1
backup_method = postgres
backup_compression = gzip
backup_compression_format = tar
streaming_archiver = on
slot_name = barman
compression = gzip
staging_path = {home}/staging
staging_location = local
{decrypting}
"""


@dataclass(frozen=True)
class Fetched:
    """What was brought back: the newest backup's manifest, files, bytes, and the newest WAL segment."""

    manifest: Manifest
    files: int
    size: int
    newest_wal: str


@contextmanager
def workplace(root: Path) -> Iterator[Path]:
    """Give a private folder for one proof; whatever an earlier one left is stopped and removed."""
    make_passable(root, service_account())
    for left in root.iterdir():
        ScratchServer(left / "server").remove()
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    make_passable(folder, service_account())
    try:
        yield folder
    finally:
        ScratchServer(folder / "server").remove()
        shutil.rmtree(folder, ignore_errors=True)


def chain_of(store: OffsiteStore, backup_id: str) -> list[Manifest]:
    """Return a backup with all it stands on, the full one first. Raises Differs when a part is not there."""
    chain: list[Manifest] = []
    while backup_id:
        manifest = store.read_manifest(backup_id)
        if manifest is None:
            raise Differs(f"{backup_id} is not off-site")
        chain.insert(0, manifest)
        backup_id = manifest.parent_id
    return chain


def fetch(
    store: OffsiteStore,
    backup_id: str,
    home: Path,
    tick: Callable[[], None],
    segment_bytes: int = SEGMENT_BYTES,
) -> Fetched:
    """Bring a backup, what it stands on and its WAL into a Barman home; every file by its SHA-256."""
    root, chain, size, files = home / store.server, chain_of(store, backup_id), 0, 0
    for manifest in chain:
        for name, stored in manifest.files.items():
            try:
                store.bring(name, stored, root / name, tick)
            except Differs as error:
                raise Differs(str(error), backup_id=manifest.backup_id) from error
            size, files = size + stored.size, files + 1
    begin, newest = segment_number(chain[-1].begin_wal, segment_bytes), ""
    fetched = set()
    for folder in store.list_wal_folders():
        for name, stored in store.read_wal(folder).items():
            if NAME.match(name[:24]) and segment_number(name[:24], segment_bytes) < begin:
                continue
            path = f"wals/{folder}/{name}" if folder else f"wals/{name}"
            try:
                store.bring(path, stored, root / path, tick)
            except Differs as error:
                raise Differs(str(error), folder=folder, name=name) from error
            size, files = size + stored.size, files + 1
            fetched.add(name)
            newest = max(newest, name) if NAME.match(name) else newest
    _bring_wal_list(store, root, fetched, tick)
    return Fetched(chain[-1], files, size, newest)


def _bring_wal_list(store: OffsiteStore, root: Path, fetched: set[str], tick: Callable[[], None]) -> None:
    """Bring Barman's list of WAL, without what was not brought: it says how each file is packed."""
    for name in ("wals/main-xlog.db", "wals/xlog.db"):
        try:
            store.bring(name, None, root / name, tick)
        except Differs:
            (root / name).unlink(missing_ok=True)
            continue
        lines = (root / name).read_text().splitlines(keepends=True)
        (root / name).write_text("".join(line for line in lines if line.split("\t")[0] in fetched))


def write_config(home: Path, server: str, bin_folder: Path, passphrase_command: str = "") -> Path:
    """Write the configuration of a Barman that knows nothing but what was fetched."""
    decrypting = f"encryption_passphrase_command = {passphrase_command}" if passphrase_command else ""
    (home / "staging").mkdir(exist_ok=True)
    path = home / "barman.conf"
    text = CONFIG.format(
        user=pwd.getpwuid(os.geteuid()).pw_name,
        home=home,
        bin=bin_folder,
        server=server,
        decrypting=decrypting,
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(text)
    return path


def restore(
    barman: Barman,
    fetched_backup: str,
    begin_wal: str,
    server: ScratchServer,
    tick: Callable[[], None],
    say: Callable[[str], None],
    segment_bytes: int = SEGMENT_BYTES,
) -> replaying.Outcome:
    """Restore a backup with all of its WAL from one Barman alone, and leave the server running.

    Raises BarmanError, ServerError, BackupBrokenError or UnavailableError.
    """
    server.make_folder()
    spaces = barman.find_origin(fetched_backup).tablespaces
    barman.restore(
        fetched_backup,
        server.data,
        staging=server.folder / "staging",
        restore_command=replaying.restore_command(server),
        tablespaces={name: server.folder / "tablespaces" / name for name in spaces},
        tick=tick,
    )
    shutil.rmtree(server.folder / "staging", ignore_errors=True)
    server.own()
    folders = folders_of(barman.config, barman.server)
    for file in wals.find_wal(folders, begin_wal, segment_bytes):
        tick()
        wals.bring(file, server.wal, barman, segment_bytes)
    server.own_wal()
    return replaying.replay(server, TargetSpec(), lambda _done: tick(), say)


def look(server: ScratchServer) -> dict[str, object]:
    """Return what the running server holds: its databases and their bytes."""
    query = (
        "SELECT count(*), coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database WHERE datallowconn"
    )
    began = time.monotonic()
    with closing(psycopg2.connect(server.url())) as link, link.cursor() as at:
        at.execute(query)
        count, size = at.fetchone() or (0, 0)
    return {"databases": count, "bytes": int(size), "seconds": round(time.monotonic() - began, 3)}
