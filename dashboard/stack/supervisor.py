"""Keeps the children of the stack running, and stops them in order."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from types import FrameType
from typing import Protocol

from dashboard.servers import ServerError
from dashboard.stack.console import Console
from dashboard.stack.requests import Requests

# A switchover waits for it twice while nobody can write.
POLL_SECONDS = 0.1
FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
# Running this long, a program counts as well again: the next delay is the first one.
STEADY_SECONDS = 60.0


class StopRequested(Exception):  # noqa: N818 - it is a request, not an error
    """Ctrl-C, TERM or a closed terminal."""


class Stage(IntEnum):
    """Who is stopped together; the highest first."""

    STORES = 0
    CONTROL = 1
    PRIMARY = 2
    STANDBYS = 3
    RECEIVER = 4
    WORKERS = 5
    SCHEDULER = 6
    WEB = 7


class Part(Protocol):
    """A server or program."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""

    def launch(self) -> None:
        """Start it without waiting."""

    def stop(self) -> None:
        """Stop it and wait."""


@dataclass
class Child:
    """One part under supervision."""

    name: str
    part: Part
    stage: Stage
    # A database that somebody stopped, or that crashed twice, is left alone: that is for a person.
    is_server: bool = False
    held: bool = False
    crashes: int = 0
    delay: float = FIRST_DELAY
    since: float = 0.0
    due: float | None = None


@dataclass
class Supervisor:
    """The children in the order they were started."""

    console: Console
    requests: Requests
    children: list[Child] = field(default_factory=list)
    # What else has its turn between two looks at the children.
    turns: list[Callable[[], None]] = field(default_factory=list)
    wanted: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        """Take INT, TERM and HUP as the wish to stop; a second one changes nothing."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        del number
        self.wanted.set()

    def check(self) -> None:
        """Raise StopRequested when the wish to stop has come."""
        if self.wanted.is_set():
            raise StopRequested

    def launch(self, *children: Child) -> None:
        """Start parts and remember them, so that they are stopped whatever happens next."""
        for child in children:
            self.check()
            self.children.append(child)
            child.part.launch()
            child.since = time.monotonic()

    def watch(self) -> None:
        """Look after the children until the wish to stop comes."""
        while not self.wanted.wait(POLL_SECONDS):
            for child in self.children:
                self._take_request(child)
                self._look_at(child, time.monotonic())
            for turn in self.turns:
                turn()

    def stop_all(self) -> None:
        """Stop every child: stage by stage, those of one stage at the same time."""
        for stage in sorted({child.stage for child in self.children}, reverse=True):
            group = [child for child in self.children if child.stage == stage]
            running = [child.name for child in group if child.part.pid is not None]
            if running:
                self.console.say(f"Stopping {', '.join(running)}")
            stop_together(group)

    def _take_request(self, child: Child) -> None:
        wish = self.requests.take(child.name)
        if wish == "stop":
            child.held, child.due = True, None
            child.part.stop()
            self.console.say(f"{child.name} was stopped as asked")
        elif wish == "start" and child.part.pid is None:
            child.held, child.crashes = False, 0
            self.console.say(f"Starting {child.name} as asked")
            self._try_launch(child)
        elif wish == "restart":
            child.held, child.crashes, child.due = False, 0, None
            child.part.stop()
            self._try_launch(child)
            self.console.say(f"{child.name} was restarted as asked")
            self.requests.answer(child.name)

    def _look_at(self, child: Child, now: float) -> None:
        if child.held:
            return
        if child.due is not None:
            if now >= child.due:
                child.due = None
                self._try_launch(child)
            return
        code = child.part.returncode
        if code is not None:
            self._ended(child, code, now)

    def _ended(self, child: Child, code: int, now: float) -> None:
        if child.is_server:
            child.crashes += 1
            if code == 0 or child.crashes > 1:
                child.held = True
                how = "was stopped by somebody" if code == 0 else f"ended again with {describe(code)}"
                self.console.say(f"{child.name} {how}; start it with `dashboard.stack start {child.name}`")
                return
        if now - child.since > STEADY_SECONDS:
            child.delay = FIRST_DELAY
        self.console.say(
            f"{child.name} ended with {describe(code)}; starting it again in {child.delay:.0f} s"
        )
        child.due = now + child.delay
        child.delay = min(child.delay * 2, LONGEST_DELAY)

    def _try_launch(self, child: Child) -> None:
        try:
            child.part.launch()
        except ServerError as error:
            child.held = child.is_server
            child.due = None if child.held else time.monotonic() + child.delay
            self.console.say(f"{child.name} could not be started: {error}")
        child.since = time.monotonic()


def stop_together(group: Sequence[Child]) -> None:
    """Stop several children at once: each may take its whole time-out."""
    with ThreadPoolExecutor(max_workers=len(group)) as pool:
        list(pool.map(lambda child: child.part.stop(), group))


def describe(code: int) -> str:
    """Return a return code in words."""
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"code {code}"
