"""The steps of a change of primary, each of which can be asked again: what is so already is left so.

It knows servers and whoever controls them; rows, runs and settings are for its callers.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Protocol

from dashboard.core.config import Member
from dashboard.core.filters import bytes_
from dashboard.failover.switching.control import Control, ControlError, Rejoined, Standing
from dashboard.failover.switching.looking import Seen, View, look, look_at

CATCH_UP_SECONDS, WAL_SECONDS, FOLLOW_SECONDS = 60.0, 20.0, 20.0
POLL_SECONDS = 0.05
NEAR_BYTES = 1024**2


class ChangeError(Exception):
    """The change cannot go on; the message says why and what is so now."""


class Noted(Protocol):
    """A step under way: its `text` is what people read of it, its `state` how it ended."""

    text: str
    state: str


class Steps(Protocol):
    """Notes steps as they begin and end."""

    def step(self, name: str, text: str) -> AbstractContextManager[Noted]:
        """Time one step."""


@dataclass
class Change:
    """One change from `source` ('' when it is gone) to `target`."""

    members: Sequence[Member]
    control: Control
    steps: Steps
    source: str
    target: str

    def prepare(self, view: View) -> None:
        """Lay the slots of all who will follow the target; wait until it is close behind."""
        with self.steps.step("prepare", f"Laying slots on {self.target} for who will follow it") as step:
            slots = slots_for(view, self.source, self.target)
            self.control.prepare(self.target, slots)
            behind = self._catch_up()
            step.text = f"{self.target} has the slots {', '.join(slots)} and is {bytes_(behind)} behind"

    def _catch_up(self) -> int:
        """Wait until the target has nearly everything; return how many bytes it is behind then."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while True:
            here, there = self._seen(self.source), self._seen(self.target)
            if here.server and there.server:
                behind = max(0, here.server.position - (there.server.replayed or 0))
                if behind < NEAR_BYTES:
                    return behind
            if time.monotonic() > deadline:
                raise ChangeError(
                    f"{self.target} did not catch up within {CATCH_UP_SECONDS:.0f} s. Nothing was changed."
                )
            time.sleep(POLL_SECONDS)

    def stop_source(self) -> Standing:
        """Shut the primary down in order: it sends its last WAL to its standbys before it ends."""
        with self.steps.step("stop", f"Stopping {self.source}: from now on nothing can be written") as step:
            standing = self.control.stop(self.source)
            if not standing.clean:
                raise ChangeError(
                    f"{self.source} is down, but was not shut down in order: what it wrote last may be "
                    f"missing on {self.target}. Start it again, or promote {self.target} as in an emergency."
                )
            step.text = f"{self.source} was shut down in order"
        return standing

    def wait_for_wal(self, standing: Standing) -> None:
        """Wait until the target has replayed the last thing the primary wrote: its shutdown checkpoint."""
        with self.steps.step("last_wal", f"Waiting until {self.target} has everything") as step:
            deadline = time.monotonic() + WAL_SECONDS
            while True:
                server = self._seen(self.target).server
                # The position is where the record of the shutdown begins: beyond it, it was replayed.
                if server and (not server.in_recovery or (server.replayed or 0) > standing.position):
                    break
                if time.monotonic() > deadline:
                    raise ChangeError(f"{self.target} did not get the last WAL of {self.source}.")
                time.sleep(POLL_SECONDS)
            step.text = f"{self.target} has replayed everything that {self.source} wrote"

    def take_back(self) -> str:
        """After a step that failed before the promotion: start the primary again; return what is so now."""
        try:
            self.control.start(self.source)
        except ControlError as error:
            return f"{self.source} could not be started again: {error}"
        with suppress(ControlError):
            self.control.tidy(self.target)
        return f"{self.source} was started again and is the primary, as before."

    def promote(self) -> int:
        """Let the target take writes; return its timeline."""
        with self.steps.step("promote", f"Promoting {self.target}") as step:
            self.control.promote(self.target)
            server = self._seen(self.target).server
            if server is None or server.in_recovery:
                raise ChangeError(f"{self.target} was promoted, but does not answer as a primary yet.")
            step.text = f"{self.target} takes writes on timeline {server.timeline}"
        return server.timeline

    def rejoin(self, member: str) -> Rejoined | None:
        """Let the former primary follow; None when that failed, which the step tells."""
        with self.steps.step("rejoin", f"{member} rejoins as a standby") as step:
            if is_streaming(self._seen(self.target), member):
                step.text = f"{member} streams from {self.target} already"
                return Rejoined("followed")
            try:
                done = self.control.rejoin(member)
            except ControlError as error:
                step.state, step.text = "failed", f"{member} did not rejoin: {error}"
                return None
            how = {"followed": "followed as it was", "rewound": "was rewound", "copied": "was copied anew"}
            step.text = f"{member} {how.get(done.how, done.how)}"
            if done.discarded_bytes:
                step.text += f"; {bytes_(done.discarded_bytes)} of WAL that only it had were given up"
            step.text += f" ({done.reason})" if done.reason else ""
            if not self._wait_streaming(member):
                step.state, step.text = "failed", f"{step.text}, but does not stream from {self.target}"
                return None
        return done

    def others_follow(self) -> list[str]:
        """Wait until every other standby streams from the target; return those that do not."""
        others = [row.name for row in self.members if row.name not in (self.source, self.target)]
        if not others:
            return []
        with self.steps.step("follow", f"{', '.join(others)} follows {self.target}") as step:
            lost = [name for name in others if not self._wait_streaming(name) and not self._bring(name)]
            step.text = f"{', '.join(others)} streams from {self.target}"
            if lost:
                step.state, step.text = "failed", f"{', '.join(lost)} does not stream from {self.target}"
        return lost

    def _bring(self, name: str) -> bool:
        """A standby that was further than the target, or knows only the old primary, needs help."""
        with suppress(ControlError):
            self.control.rejoin(name)
            return self._wait_streaming(name)
        return False

    def _wait_streaming(self, name: str, seconds: float = FOLLOW_SECONDS) -> bool:
        return wait_for(lambda: is_streaming(self._seen(self.target), name), seconds)

    def streams(self, names: Sequence[str]) -> bool:
        """Whether any of these streams from the target."""
        seen = self._seen(self.target)
        return any(is_streaming(seen, name) for name in names)

    def look(self) -> View:
        """Ask all members."""
        return look(self.members)

    def _seen(self, name: str) -> Seen:
        return look_at(next(member.url for member in self.members if member.name == name))


def is_streaming(primary: Seen, name: str) -> bool:
    """Whether a member streams from a primary."""
    sender = primary.sender(name)
    return sender is not None and sender.state == "streaming"


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for something at most so many seconds; return whether it came about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def slots_for(view: View, source: str, target: str) -> list[str]:
    """Return the slots a new primary needs: those of the old one, its own instead of the target's."""
    known = [slot.name for slot in view.members[source].slots] if source else []
    return sorted({*known, slot_name(source)} - {slot_name(target)} - {""})


def slot_name(member: str) -> str:
    """Return the slot a member streams through (slots allow no dash)."""
    return member.replace("-", "_")
