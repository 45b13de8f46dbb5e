"""One Valkey server: a broker that keeps everything, or a cache that evicts."""

import os
import signal
import time
from pathlib import Path
from urllib.parse import quote

import redis

from dashboard.servers import leftovers
from dashboard.servers.accounts import service_account
from dashboard.servers.binaries import valkey_server
from dashboard.servers.errors import ServerError
from dashboard.servers.pgdata import make_private_folder, write_private
from dashboard.servers.ports import is_free
from dashboard.servers.process import Command, Process, StopStep, last_lines, tool_environment

HOST = "127.0.0.1"
READY_SECONDS = 30.0
POLL_SECONDS = 0.02
STOP_STEPS = (StopStep(signal.SIGTERM, 20),)
CONFIGURATION = "valkey.conf"


class Valkey:
    """A server with its data in `folder`, its log beside it, listening on the loopback only."""

    def __init__(
        self,
        folder: Path,
        port: int,
        password: str,
        *,
        append_only: bool,
        policy: str = "noeviction",
        max_memory: str = "0",
        program: Path | None = None,
    ) -> None:
        self.folder = folder
        self.port = port
        self.password = password
        self.append_only = append_only
        self.policy = policy
        self.max_memory = max_memory
        self.account = service_account()
        self.program = valkey_server(self.account, folder.parent / "bin", explicit=program)
        self.log = folder.with_name(f"{folder.name}.log")
        self.process = Process(self._command())
        self._log_offset = 0

    @property
    def name(self) -> str:
        """The folder's name: what messages call this server."""
        return self.folder.name

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs or has never been started."""
        return self.process.returncode

    def url(self, database: int = 0) -> str:
        """Return the `redis://` URL of one numbered database, with the password."""
        return f"redis://:{quote(self.password, safe='')}@{HOST}:{self.port}/{database}"

    def ensure_initialised(self) -> bool:
        """Make the data folder when there is none; return whether it was made now."""
        if self.folder.is_dir():
            return False
        if self.folder.exists():
            msg = f"{self.folder} is a file, but Valkey's data folder belongs there."
            raise ServerError(msg)
        make_private_folder(self.folder, self.account)
        return True

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the server without waiting; ServerError when the port is taken."""
        if self.pid is not None:
            return
        self.ensure_initialised()
        leftovers.stop_leftover(self.folder, self.program.name, STOP_STEPS)
        if not is_free(self.port, HOST):
            msg = f"Port {self.port} of Valkey '{self.name}' is taken by another program."
            raise ServerError(msg)
        write_private(self.folder / CONFIGURATION, self._configuration(), self.account)
        self._log_offset = self.log.stat().st_size if self.log.exists() else 0
        self.process = Process(self._command())
        self.process.launch()

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until the server answers and has read its data."""
        deadline = time.monotonic() + timeout
        with redis.Redis(host=HOST, port=self.port, password=self.password) as client:
            while True:
                if self.returncode is not None:
                    words = last_lines(self.log, self._log_offset)
                    msg = f"Valkey '{self.name}' ended while starting: {words}"
                    raise ServerError(msg)
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
                    if time.monotonic() > deadline:
                        self.stop()
                        msg = f"Valkey '{self.name}' does not answer: {error}"
                        raise ServerError(msg) from error
                else:
                    return
                time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server; it writes out what it holds."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()

    def _configuration(self) -> str:
        """Return the configuration; a file, because arguments can be read by every user."""
        lines = [
            f"bind {HOST}",
            f"port {self.port}",
            "protected-mode yes",
            f"appendonly {'yes' if self.append_only else 'no'}",
            'save ""',
            f"maxmemory {self.max_memory}",
            f"maxmemory-policy {self.policy}",
            f"requirepass {self.password}",
        ]
        return "\n".join(lines) + "\n"

    def _command(self) -> Command:
        # `--dir` is relative to the working folder, so that a space in the path needs no quoting.
        return Command(
            name=f"Valkey '{self.name}'",
            argv=[os.fspath(self.program), CONFIGURATION, "--dir", "."],
            folder=self.folder,
            log=self.log,
            environment=tool_environment(self.folder),
            stop_steps=STOP_STEPS,
            account=self.account,
        )
