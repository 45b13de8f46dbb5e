"""A throw-away server that can follow another one: a copy by pg_basebackup, behind a private socket.

It leaves nothing on the server it copies: its stream uses a temporary slot, which PostgreSQL itself drops
when the connection ends, however it ends.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import psutil
import psycopg2
from psycopg2.extensions import cursor, make_dsn

from dashboard.backups.drills.probes import Tools, run_tool
from dashboard.servers import ServerError
from dashboard.servers.pgdata import make_private_folder, write_private
from dashboard.servers.postgres import SUPERUSER
from dashboard.servers.process import last_lines
from dashboard.servers.scratch import HBA, PORT, ScratchServer

Tick = Callable[[], None]
APPLICATION = "steward_rehearsal"
POLL_SECONDS = 0.05
# Over what a restored server gets: it answers while it follows, and holds nothing back on its source.
FOLLOWING = {
    "hot_standby": "on",
    "hot_standby_feedback": "off",
    "wal_receiver_create_temp_slot": "on",
    "wal_receiver_status_interval": "1s",
    "recovery_target_timeline": "latest",
    "recovery_min_apply_delay": "0",
    "restore_command": "",
    "max_replication_slots": "10",
}
CRASH_SECONDS = 30.0


@dataclass(frozen=True)
class Upstream:
    """A server to copy: libpq's words (host, port, user, …) without the password, and the password if any.

    `spaces` are its tablespaces: name → folder.
    """

    words: Mapping[str, str]
    password: str = ""
    spaces: Mapping[str, str] | None = None


class ThrowAwayServer(ScratchServer):
    """A copy of another server. Its folder holds all there is of it; `upstream` is whom it follows."""

    upstream: Upstream | None = None
    synchronous = ""

    def copy(self, upstream: Upstream, tick: Tick) -> None:
        """Fill the data folder from a running server. Raises ServerError with pg_basebackup's words."""
        self.make_folder()
        make_private_folder(self.data, self.account)
        self.upstream = upstream
        argv = ["pg_basebackup", "-D", str(self.data), "-d", self._conninfo(), "--wal-method=stream"]
        argv += ["--checkpoint=fast", "--no-password", *self._mapped(upstream.spaces or {})]
        said = run_tool(Tools(self.bin, self.folder, self.account), argv, tick)
        if said.status != 0:
            raise ServerError(f"pg_basebackup: {' '.join(said.words.strip().splitlines()[-3:])}")

    def follow(self, seconds: float, tick: Tick) -> None:
        """Start it as a standby of its upstream; wait until it answers. Raises ServerError, TimeoutError."""
        assert self.upstream is not None  # noqa: S101  # for the type checker
        self.start(
            FOLLOWING | {"primary_conninfo": self._conninfo(), "synchronous_standby_names": self.synchronous}
        )
        self.wait_for("SELECT pg_last_wal_replay_lsn() IS NOT NULL", seconds, tick, "It does not start")

    def wait_for(self, condition: str, seconds: float, tick: Tick, what: str) -> None:
        """Wait until a query says true. Raises ServerError when it ends, TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._is(condition):
            tick()
            if self.pid is None and "FATAL" in self.said():
                raise ServerError(f"{what}: {last_lines(self.log, self._log_offset)}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} within {seconds:.0f} s. {self.problem}".strip())
            time.sleep(POLL_SECONDS)

    def ask(self, query: str) -> object:
        """Return the first value of a query. Raises psycopg2.Error."""
        with self.link() as at:
            at.execute(query)
            row = at.fetchone() if at.description else None
            return row[0] if row else None

    @contextmanager
    def link(self) -> Iterator[cursor]:
        """Open a connection of single statements as superuser."""
        with closing(psycopg2.connect(self.url(), connect_timeout=3)) as link:
            link.autocommit = True
            with link.cursor() as at:
                yield at

    def crash(self) -> None:
        """End it as a crash would: no checkpoint, every client is cut off, what was not sent stays unsent."""
        if (pid := self.pid) is not None:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                process.send_signal(signal.SIGQUIT)
                process.wait(CRASH_SECONDS)

    def as_upstream(self) -> Upstream:
        """Return it as a server to copy."""
        return Upstream({"host": str(self.socket_folder), "port": str(PORT), "user": SUPERUSER})

    def _is(self, condition: str) -> bool:
        try:
            return bool(self.ask(condition))
        except psycopg2.Error as error:
            self.problem = str(error).strip()
            return False

    def _prepare(self) -> None:
        super()._prepare()
        # Copies of a copy are made through the same private socket.
        write_private(
            self.folder / "hba.conf", HBA + HBA.replace("local all", "local replication"), self.account
        )
        if self.upstream is not None:
            write_private(self.data / "standby.signal", "", self.account)

    def _conninfo(self) -> str:
        """Return how it reaches its upstream; the password stays in a file that only its account can read."""
        assert self.upstream is not None  # noqa: S101  # for the type checker
        words = {**self.upstream.words, "application_name": APPLICATION}
        if self.upstream.password:
            passfile = self.folder / "pgpass"
            write_private(passfile, _passfile_line(words, self.upstream.password), self.account)
            words["passfile"] = str(passfile)
        return str(make_dsn(**words))

    def _mapped(self, spaces: Mapping[str, str]) -> list[str]:
        """Bring tablespaces into our own folder: on the same machine theirs are the live ones."""
        found = []
        for name, place in spaces.items():
            here = self.folder / "tablespaces" / name
            make_private_folder(here.parent, self.account)
            found.append(f"--tablespace-mapping={_escaped(place)}={_escaped(str(here))}")
        return found


def _passfile_line(words: Mapping[str, str], password: str) -> str:
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:{words['user']}:{escaped}\n"


def _escaped(place: str) -> str:
    return place.replace("=", "\\=")


def address_of(servers: list[ThrowAwayServer], database: str = "postgres") -> str:
    """Return one address with all their hosts, as an application has that survives a failover."""
    hosts = ",".join(str(server.socket_folder) for server in servers)
    ports = ",".join(str(PORT) for _server in servers)
    return str(make_dsn(host=hosts, port=ports, user=SUPERUSER, dbname=database))
