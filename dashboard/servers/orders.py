"""Orders to whoever runs the servers of a cluster, and the answers: files in a folder both can write.

A job cannot stop or start a server that is another process's child; it leaves an order and waits.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from dashboard.servers.pgdata import write_private

POLL_SECONDS = 0.05
ORDER, ANSWER = ".order", ".answer"


@dataclass(frozen=True)
class Order:
    """What to do with which member; `until` is when nobody waits for it any more (seconds since 1970)."""

    id: str
    verb: str
    member: str
    until: float
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """`error` is empty when it was done; `found` is what there is to tell."""

    error: str = ""
    found: Mapping[str, Any] = field(default_factory=dict)


class OrderBox:
    """The folder of orders and answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, verb: str, member: str, seconds: float, **arguments: object) -> Order:
        """Leave an order that holds for so many seconds."""
        now = time.time()
        order = Order(f"{now:017.6f}-{uuid4().hex[:8]}", verb, member, now + seconds, arguments)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        write_private(self._path(order.id, ORDER), json.dumps(vars(order)), None)
        return order

    def wait(self, order: Order) -> Answer:
        """Wait for the answer. Raises TimeoutError when the order's time is over; it is then taken back."""
        path = self._path(order.id, ANSWER)
        while not path.exists():
            if time.time() > order.until:
                self._path(order.id, ORDER).unlink(missing_ok=True)
                raise TimeoutError(f"nobody answered the order to {order.verb} {order.member}")
            time.sleep(POLL_SECONDS)
        content = json.loads(path.read_text())
        path.unlink(missing_ok=True)
        return Answer(**content)

    def take(self) -> list[Order]:
        """Return the orders that hold, the oldest first; each is returned once."""
        taken = []
        for path in sorted(self.folder.glob(f"*{ORDER}")):
            order = Order(**json.loads(path.read_text()))
            path.unlink(missing_ok=True)
            if time.time() <= order.until:
                taken.append(order)
        return taken

    def answer(self, order: Order, answer: Answer) -> None:
        """Answer an order."""
        write_private(self._path(order.id, ANSWER), json.dumps(vars(answer)), None)

    def clear(self) -> None:
        """Forget everything: whoever waited does so no more."""
        for kind in (ORDER, ANSWER):
            for path in self.folder.glob(f"*{kind}"):
                path.unlink(missing_ok=True)

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / f"{name}{kind}"
