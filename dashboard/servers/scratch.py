"""A throw-away PostgreSQL server over a restored data folder, reached only through a private socket."""

import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2

from dashboard.servers import leftovers
from dashboard.servers.accounts import Account, can_execute, service_account
from dashboard.servers.binaries import major_version, postgres_bin, system_folder
from dashboard.servers.errors import ServerError
from dashboard.servers.folders import make_passable
from dashboard.servers.pgdata import OWNER_ONLY, make_private_folder, write_private
from dashboard.servers.postgres import STOP_STEPS, SUPERUSER
from dashboard.servers.process import last_lines, run_tool

# Only part of the socket's name: nothing listens on TCP, so no port of a live server can be hit.
PORT = 5432
LONGEST_SOCKET_FOLDER = 90  # bytes; with the socket's name the kernel allows 107
BIRTH_SECONDS = 10.0
POLL_SECONDS = 0.05
ACCEPTS = "database system is ready to accept connections"
# Only who may enter the socket's folder gets in, so nobody is asked for a password.
HBA = "local all all trust\n"
# What the restored configuration may not bring along: archiving over the live archive, following the live
# primary, waiting for standbys, background workers that act on the outside (jobs, subscriptions).
OVERRIDES = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "unix_socket_group": "",
    "external_pid_file": "",
    "archive_mode": "off",
    "archive_command": "",
    "archive_cleanup_command": "",
    "recovery_end_command": "",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "synchronous_standby_names": "",
    "hot_standby": "off",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
    "autovacuum": "off",
    "wal_level": "replica",
    "ssl": "off",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    "log_min_messages": "warning",
    "log_min_duration_statement": "-1",
    "log_statement": "none",
    "log_timezone": "UTC",
}
# The server refuses WAL of a primary that had room for more of these than itself.
FROM_CONTROL = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
}


class ScratchServer:
    """A server that outlives the job that made it: `data`, `wal`, log and socket below one `folder`.

    It runs as the service account, never archives, never follows and never takes a port.
    """

    def __init__(self, folder: Path, *, bin_folder: Path | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.wal = folder / "wal"
        self.log = folder / "server.log"
        self.account = service_account()
        self._bin = bin_folder
        self.problem = ""
        self._log_offset = 0
        self._deaf_since: float | None = None

    @property
    def name(self) -> str:
        """What the server calls itself in the process list."""
        return f"scratch-{self.folder.name}"

    @property
    def bin(self) -> Path:
        """The programs of the data folder's own major version. Raises ServerError when there are none."""
        if self._bin is None:
            self._bin = programs_for(self.major, self.account, self.folder.parent.parent / "bin")
        return self._bin

    @property
    def major(self) -> int:
        """The major version the data folder was made by."""
        try:
            return int((self.data / "PG_VERSION").read_text().strip())
        except (OSError, ValueError) as error:
            raise ServerError(f"{self.data} holds no restored data folder.") from error

    @property
    def socket_folder(self) -> Path:
        """Where its socket is: below its own folder, or where that would be too long, in a private one."""
        noted = self.folder / "socket"
        return Path(noted.read_text().strip()) if noted.exists() else self.folder / "s"

    @property
    def pid(self) -> int | None:
        """The process id of its postmaster while it runs."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
            is_ours = process.cwd() == str(self.data.resolve())
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return pid if is_ours else None

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Return a `postgresql://` URL through the socket."""
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def make_folder(self) -> None:
        """Make the empty folders that a restore fills."""
        make_passable(self.folder.parent, self.account)
        make_private_folder(self.folder, self.account)
        make_private_folder(self.wal, self.account)

    def own(self) -> None:
        """Give everything below the folder to the account the server runs as."""
        self.data.chmod(OWNER_ONLY)
        if self.account:
            for path in _everything(self.folder):
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def own_wal(self) -> None:
        """Give the WAL laid ready to the account of the server."""
        if self.account:
            for path in self.wal.iterdir():
                self.account.own(path)

    def start(self, recovery: Mapping[str, str] | None = None) -> None:
        """Start without waiting; `recovery` holds recovery settings of this start. Raises ServerError."""
        if self.pid is not None:
            return
        programs = self.bin  # refuses an empty folder, and a version nobody has
        self._prepare()
        options = {**OVERRIDES, **self._own_settings(), **self._sizes(), **(recovery or {})}
        words = [f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items()]
        self._log_offset = self.log.stat().st_size if self.log.exists() else 0
        argv = ["start", "-W", "-s", "-D", str(self.data), "-l", str(self.log), "-o", " ".join(words)]
        run_tool([str(programs / "pg_ctl"), *argv], self.folder, self.account)

    def wait(
        self,
        seconds: float,
        *,
        tick: Callable[[], None] = lambda: None,
        poll: float = POLL_SECONDS,
    ) -> None:
        """Wait until recovery has ended and it takes connections; `tick` may raise to give up.

        Raises ServerError with the log's last words when it ended instead, TimeoutError after `seconds`.
        """
        begun = time.monotonic()
        while not self.promoted():
            tick()
            waited = time.monotonic() - begun
            self._refuse_deaf()
            if self.pid is None and (waited > BIRTH_SECONDS or self._has_ended()):
                words = last_lines(self.log, self._log_offset)
                raise ServerError(f"The restored server ended: {words}")
            if waited > seconds:
                raise TimeoutError(f"The restored server was not ready within {seconds:.0f} s.")
            time.sleep(poll)

    def _refuse_deaf(self) -> None:
        """Raise ServerError when it is ready and still lets nobody in, as with a damaged catalogue."""
        if ACCEPTS not in self.said():
            self._deaf_since = None
            return
        self._deaf_since = self._deaf_since or time.monotonic()
        if time.monotonic() - self._deaf_since > BIRTH_SECONDS:
            raise ServerError(f"The restored server lets nobody in: {self.problem}")

    def promoted(self) -> bool:
        """Whether it has left recovery and takes connections; else `problem` says what it answers."""
        try:
            with closing(psycopg2.connect(self.url(), connect_timeout=3)) as link, link.cursor() as at:
                at.execute("SELECT NOT pg_is_in_recovery()")
                row = at.fetchone()
                return bool(row and row[0])
        except psycopg2.OperationalError as error:
            self.problem = str(error).strip()
            return False

    def said(self) -> str:
        """What the log says since the last start."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(self._log_offset)
                return stream.read().decode(errors="replace")
        except OSError:
            return ""

    def stop(self) -> None:
        """Stop it: fast, then immediate, then by force. Nothing happens when it does not run."""
        leftovers.stop_leftover(self.data, "postgres", STOP_STEPS)

    def remove(self) -> None:
        """Stop it and delete everything that belongs to it."""
        self.stop()
        for process in _inside(self.folder):  # a half-made restore's programs, whose worker was killed
            _end(process)
        socket_folder = self.socket_folder
        if socket_folder.parent != self.folder:
            shutil.rmtree(socket_folder, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _has_ended(self) -> bool:
        said = self.said()
        return "FATAL" in said or "database system is shut down" in said

    def _prepare(self) -> None:
        # A backup read from a standby brings this along: the server would wait for WAL without end.
        (self.data / "standby.signal").unlink(missing_ok=True)
        if not (self.data / "postgresql.conf").exists():  # some systems keep it outside the data folder
            write_private(self.data / "postgresql.conf", "", self.account)
        write_private(self.folder / "hba.conf", HBA, self.account)
        write_private(self.folder / "ident.conf", "", self.account)
        inside = self.folder / "s"
        if len(os.fsencode(inside.absolute())) <= LONGEST_SOCKET_FOLDER:
            make_private_folder(inside, self.account)
        elif not self.socket_folder.is_dir() or self.socket_folder == inside:
            outside = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # private, by mkdtemp
            make_private_folder(outside, self.account)
            write_private(self.folder / "socket", f"{outside}\n", self.account)

    def _own_settings(self) -> dict[str, str]:
        return {
            "data_directory": str(self.data),
            "hba_file": str(self.folder / "hba.conf"),
            "ident_file": str(self.folder / "ident.conf"),
            "unix_socket_directories": str(self.socket_folder),
            "cluster_name": self.name,
        }

    def _sizes(self) -> dict[str, str]:
        """Return the sizes the control file asks for."""
        shown = run_tool(
            [str(self.bin / "pg_controldata"), "-D", str(self.data)], self.folder, self.account, timeout=30
        )
        found = dict(re.findall(r"^(\w+) setting:\s+(\d+)$", shown, re.MULTILINE))
        return {setting: found[name] for name, setting in FROM_CONTROL.items() if name in found}


def programs_for(major: int, account: Account | None, copies: Path, *, explicit: Path | None = None) -> Path:
    """Return the programs of a major version: the set folder's, the wheel's, the system's.

    Raises ServerError when none is of that version.
    """
    try:
        usual = postgres_bin(account, copies, explicit=explicit)
        if major_version(usual) == major:
            return usual
    except ServerError:
        if explicit is None:
            raise
    of_system = system_folder(major)
    if can_execute(of_system / "postgres", account):
        return of_system
    raise ServerError(
        f"The backup is of PostgreSQL {major}, but this machine has no programs of that version: "
        f"install them, or set STEWARD_PG_BIN to their folder."
    )


def list_scratch_servers(root: Path) -> list[ScratchServer]:
    """Return what is below the folder of scratch servers, running or not."""
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return [ScratchServer(folder) for folder in folders]


def stop_scratch_servers(root: Path) -> int:
    """Stop every scratch server below `root`; their data stay. Return how many ran."""
    running = [server for server in list_scratch_servers(root) if server.pid is not None]
    for server in running:
        server.stop()
    return len(running)


def _everything(folder: Path) -> Iterator[str]:
    """Yield the folder and all below it, links as links."""
    yield str(folder)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield os.path.join(parent, name)  # noqa: PTH118  # a cluster has many thousand files


def _inside(folder: Path) -> list[psutil.Process]:
    """Return the processes that work at or below a folder."""
    wanted = folder.resolve()
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(wanted):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _end(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(5)
    except psutil.Error:
        return
