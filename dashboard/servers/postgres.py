"""One PostgreSQL server in one data folder: make, start, wait, stop."""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2

from dashboard.servers import leftovers
from dashboard.servers.accounts import service_account
from dashboard.servers.binaries import major_version, postgres_bin
from dashboard.servers.errors import ServerError
from dashboard.servers.pgdata import check_folder, initialise, write_configuration
from dashboard.servers.ports import is_free
from dashboard.servers.process import Command, Process, StopStep, last_lines, tool_environment

HOST = "127.0.0.1"
SUPERUSER = "postgres"
READY_SECONDS = 60.0
POLL_SECONDS = 0.03
# SIGINT is the fast shutdown (clients are sent away, a checkpoint is written), SIGQUIT ends at
# once and recovers at the next start. SIGTERM would wait for the last idle client.
STOP_STEPS = (StopStep(signal.SIGINT, 30), StopStep(signal.SIGQUIT, 5))


class Postgres:
    """A server with its data in `folder`, its log beside it, listening on the loopback only.

    Use it from the main thread. The port is the caller's to keep: other tools remember it.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        superuser_password: str,
        options: Mapping[str, str],
        *,
        bin_folder: Path | None = None,
        name: str = "",
    ) -> None:
        self.folder = folder
        self._name = name or folder.name
        self.port = port
        self.superuser_password = superuser_password
        self.options = dict(options)
        self.account = service_account()
        copies = folder.parent / "bin"
        self.bin = postgres_bin(self.account, copies, explicit=bin_folder)
        self.log = folder.with_name(f"{folder.name}.log")
        self.process = Process(self._command())
        self._log_offset = 0

    @property
    def name(self) -> str:
        """What messages call this server: the folder's name unless another was given."""
        return self._name

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster while it runs."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs or has never been started."""
        return self.process.returncode

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return a `postgresql://` URL; the superuser's password when none is given."""
        secret = quote(password if password is not None else self.superuser_password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@{HOST}:{self.port}/{database}"

    def ensure_initialised(self) -> bool:
        """Make the data folder when there is none; return whether it was made now."""
        if check_folder(self.folder, self.account, major_version(self.bin)):
            return False
        initialise(self.folder, self.bin, self.account, self.superuser_password)
        return True

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the server without waiting; ServerError when folder or port are not right."""
        if self.pid is not None:
            return
        if not check_folder(self.folder, self.account, major_version(self.bin)):
            msg = f"{self.folder} holds no PostgreSQL data yet."
            raise ServerError(msg)
        leftovers.stop_leftover(self.folder, "postgres", STOP_STEPS)
        if not is_free(self.port, HOST):
            msg = f"Port {self.port} of PostgreSQL '{self.name}' is taken by another program."
            raise ServerError(msg)
        self.configure()
        self._log_offset = self.log.stat().st_size if self.log.exists() else 0
        self.process = Process(self._command())
        self.process.launch()

    def configure(self) -> None:
        """Write the settings of the next start."""
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            # A socket folder would have to be short and writable by everyone involved.
            "unix_socket_directories": "",
            "cluster_name": self.name,
            **self.own_settings(),
            **self.options,
        }
        write_configuration(self.folder, self.account, settings)

    def own_settings(self) -> dict[str, str]:
        """Return what this kind of server needs beside its options."""
        return {}

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until the server takes connections; ServerError with the log's last words if not."""
        deadline = time.monotonic() + timeout
        while True:
            if self.returncode is not None:
                words = last_lines(self.log, self._log_offset)
                msg = f"PostgreSQL '{self.name}' ended while starting: {words}"
                raise ServerError(msg)
            problem = self._try_connection()
            if not problem:
                return
            if "password authentication failed" in problem or time.monotonic() > deadline:
                self.stop()
                msg = f"PostgreSQL '{self.name}' does not let us in: {problem}"
                raise ServerError(msg)
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server: fast, then immediate, then by force."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would, without a checkpoint."""
        self.process.kill()

    def is_standby(self) -> bool:
        """Tell from its folder whether it will start as a standby."""
        return (self.folder / "standby.signal").exists()

    def _try_connection(self) -> str:
        """Return an empty text when a connection was made, else what was wrong."""
        try:
            with closing(psycopg2.connect(self.url("postgres"), connect_timeout=5)):
                return ""
        except psycopg2.OperationalError as error:
            return str(error).strip()

    def _command(self) -> Command:
        return Command(
            name=f"PostgreSQL '{self._name}'",
            argv=[os.fspath(self.bin / "postgres"), "-D", os.fspath(self.folder)],
            folder=self.folder,
            log=self.log,
            environment=tool_environment(self.folder),
            stop_steps=STOP_STEPS,
            account=self.account,
        )
