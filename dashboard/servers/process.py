"""One child process: started so that it cannot outlive us, stopped with rising force."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.servers.accounts import Account, popen_options
from dashboard.servers.errors import ServerError

PR_SET_PDEATHSIG = 1
KILL_SECONDS = 5.0
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class StopStep:
    """A signal and how many seconds the process has to end by it."""

    signal: signal.Signals
    seconds: float


@dataclass(frozen=True)
class Command:
    """What to start: program, place, account, log, and how it is asked to stop."""

    name: str
    argv: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str]
    stop_steps: Sequence[StopStep]
    account: Account | None = None
    # Above 0, the kernel lets others go first.
    niceness: int = 0


@dataclass
class Process:
    """A running (or ended) child of this process.

    Start it from the main thread: Linux sends the parent-death signal when the *thread* ends.
    """

    command: Command
    popen: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.popen.pid if self.popen and self.popen.poll() is None else None

    @property
    def returncode(self) -> int | None:
        """None while it runs or has never been started."""
        return self.popen.poll() if self.popen else None

    def launch(self) -> None:
        """Start it in a process group of its own; does not wait until it is ready."""
        if self.pid is not None:
            return
        command = self.command
        with open(command.log, "ab", opener=_private) as log:
            try:
                self.popen = subprocess.Popen(
                    list(command.argv),
                    cwd=command.folder,
                    env=dict(command.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                    preexec_fn=_ChildSetup(command.stop_steps[0].signal, command.niceness),  # noqa: PLW1509
                    **popen_options(command.account),
                )
            except OSError as error:
                msg = f"{command.name} cannot be started: {error}"
                raise ServerError(msg) from error

    def stop(self) -> None:
        """Stop it and wait: each step in turn, SIGKILL to the group at the end."""
        if self.popen is None:
            return
        for step in self.command.stop_steps:
            if self.popen.poll() is not None:
                break
            self.popen.send_signal(step.signal)
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(step.seconds)
        if self.popen.poll() is None:
            self.kill()

    def kill(self) -> None:
        """End it and everything in its process group at once."""
        if self.popen is None or self.popen.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(KILL_SECONDS)


def _private(path: str, flags: int) -> int:
    """Open a log so that only we read it: statements in it may hold people's data."""
    return os.open(path, flags, 0o600)


class _ChildSetup:
    """In the child: its niceness, and a signal from Linux when the parent dies (no orphan after kill -9)."""

    def __init__(self, number: signal.Signals, niceness: int) -> None:
        self.number = number
        self.niceness = niceness
        self.parent = os.getpid()

    def __call__(self) -> None:
        os.nice(self.niceness)
        if _libc is None:  # pragma: no cover - not Linux
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(self.number))
        if os.getppid() != self.parent:  # pragma: no cover - it died before we asked
            os._exit(1)


def last_lines(log: Path, offset: int, count: int = 3) -> str:
    """Return the last lines a process has written since `offset` bytes, joined, for a message."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(offset)
        lines = stream.read().decode(errors="replace").splitlines()
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line] or lines
    return " ".join(line.strip() for line in telling[-count:])


def tool_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a server or tool: nothing of ours that could change its ways."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {"PATH": path, "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"}


def run_tool(argv: Sequence[str], folder: Path, account: Account | None, *, timeout: float = 600) -> str:
    """Run a tool to its end and return what it printed; ServerError with its last words."""
    answer = hear_tool(argv, folder, account, timeout=timeout)
    if answer.returncode != 0:
        words = " ".join((answer.stderr or answer.stdout).strip().splitlines()[-3:])
        msg = f"{Path(argv[0]).name} failed: {words}"
        raise ServerError(msg)
    return answer.stdout


def hear_tool(
    argv: Sequence[str], folder: Path, account: Account | None, *, timeout: float = 600
) -> "subprocess.CompletedProcess[str]":
    """Run a tool to its end, whatever its code; ServerError only when it could not be run."""
    try:
        return subprocess.run(
            list(argv),
            cwd=folder,
            env=tool_environment(folder),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **popen_options(account),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"{Path(argv[0]).name} could not be run: {error}"
        raise ServerError(msg) from error
