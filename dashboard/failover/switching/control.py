"""Who stops, starts and promotes the servers: the embedded stack by orders, or a deployment's command."""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dashboard.servers.orders import OrderBox

# Copying a cluster anew takes hours; everything else is to take seconds.
SECONDS = {"stop": 90.0, "fence": 30.0, "start": 300.0, "promote": 90.0, "rejoin": 6 * 3600.0}
OTHERWISE = 60.0


class ControlError(Exception):
    """A server was not changed as wanted; the message says what whoever runs it answered."""


@dataclass(frozen=True)
class Standing:
    """A server that is down: whether it ended in order, on which timeline, where its WAL ends (bytes)."""

    clean: bool
    timeline: int
    position: int


@dataclass(frozen=True)
class Rejoined:
    """How it came back (followed, rewound, copied) and the bytes of WAL that only it had; None: unknown."""

    how: str
    discarded_bytes: int | None = 0
    reason: str = ""


class Control(Protocol):
    """What a change needs done to servers, by their members' names. Every method raises ControlError.

    Each can be asked again: what is so already is left so.
    """

    def stop(self, member: str) -> Standing:
        """Shut it down in order, so that its standbys get all WAL, and hold it down."""

    def fence(self, member: str) -> None:
        """Make sure that it does not run, whatever state it is in, and does not come back by itself."""

    def start(self, member: str) -> None:
        """Start it as what it was."""

    def prepare(self, member: str, slots: Sequence[str]) -> None:
        """Lay physical slots on a standby to be promoted; write checkpoints, so that stopping is quick."""

    def tidy(self, member: str) -> None:
        """Take the slots of a change that did not come about from a standby."""

    def promote(self, member: str) -> None:
        """Let it take writes, waiting for no synchronous standby."""

    def rejoin(self, member: str) -> Rejoined:
        """Let it follow the present primary, rewound or copied anew where it has to be, and start it."""

    def synchronous(self, member: str, value: str) -> None:
        """Set `synchronous_standby_names` of the primary."""


class _Asking:
    """Turns the methods into verbs with arguments."""

    def ask(self, verb: str, member: str, **arguments: object) -> Mapping[str, Any]:
        """Have one thing done."""
        raise NotImplementedError

    def stop(self, member: str) -> Standing:
        return Standing(**self.ask("stop", member))

    def fence(self, member: str) -> None:
        self.ask("fence", member)

    def start(self, member: str) -> None:
        self.ask("start", member)

    def prepare(self, member: str, slots: Sequence[str]) -> None:
        self.ask("prepare", member, slots=list(slots))

    def tidy(self, member: str) -> None:
        self.ask("tidy", member)

    def promote(self, member: str) -> None:
        self.ask("promote", member)

    def rejoin(self, member: str) -> Rejoined:
        return Rejoined(**self.ask("rejoin", member))

    def synchronous(self, member: str, value: str) -> None:
        self.ask("synchronous", member, value=value)


class StackControl(_Asking):
    """Orders to the embedded stack, whose children the servers are: files in its data folder."""

    def __init__(self, home: Path) -> None:
        self.box = OrderBox(orders_folder(home))

    def ask(self, verb: str, member: str, **arguments: object) -> Mapping[str, Any]:
        """Leave the order and wait for the answer."""
        order = self.box.place(verb, member, SECONDS.get(verb, OTHERWISE), **arguments)
        try:
            answer = self.box.wait(order)
        except TimeoutError as error:
            raise ControlError(f"The stack gave no answer: {error}. Does `make up` still run?") from error
        if answer.error:
            raise ControlError(answer.error)
        return answer.found


class CommandControl(_Asking):
    """A command of the deployment: it gets verb, member and a JSON object, and prints one at the end."""

    def __init__(self, command: str) -> None:
        self.command = command

    def ask(self, verb: str, member: str, **arguments: object) -> Mapping[str, Any]:
        """Run the command to its end."""
        argv = [*shlex.split(self.command), verb, member, json.dumps(arguments)]
        seconds = SECONDS.get(verb, OTHERWISE)
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ControlError(f"{argv[0]} {verb} {member} could not be run to its end: {error}") from error
        if done.returncode:
            words = " ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            raise ControlError(f"{argv[0]} {verb} {member} ended with {done.returncode}: {words}")
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        try:
            found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        except ValueError as error:
            raise ControlError(f"{argv[0]} {verb} {member} printed no JSON: {lines[-1][:200]}") from error
        return found


def orders_folder(home: Path) -> Path:
    """Return where the embedded stack of a data folder looks for orders."""
    return home / "run" / "orders"
