"""Looks at every member of the cluster at once: what it is, how far its WAL goes, who streams from it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.core.config import Member
from dashboard.health.connection import ProbeError, fetch, fetch_one, probe_connection

SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True)
class Sender:
    """Who streams from a primary. `silent_seconds`: since its last sign of life; positions in bytes."""

    name: str
    state: str
    replayed: int | None
    sync_state: str
    silent_seconds: float


@dataclass(frozen=True)
class Slot:
    """A physical replication slot."""

    name: str
    active: bool


@dataclass(frozen=True)
class Server:
    """What a server says of itself; `position` is what it has written, or received and replayed (bytes)."""

    in_recovery: bool
    timeline: int
    position: int
    replayed: int | None
    paused: bool
    synchronous_names: str
    base_backups: int


@dataclass(frozen=True)
class Seen:
    """A member as it answered; `error` says why it did not."""

    server: Server | None = None
    senders: tuple[Sender, ...] = ()
    slots: tuple[Slot, ...] = ()
    error: str = ""

    @property
    def takes_writes(self) -> bool:
        """Whether it answers as a primary."""
        return self.server is not None and not self.server.in_recovery

    def sender(self, name: str) -> Sender | None:
        """Return the stream to a member, if there is one."""
        return next((one for one in self.senders if one.name == name), None)


@dataclass(frozen=True)
class View:
    """All members by name, as of one moment."""

    members: Mapping[str, Seen] = field(default_factory=dict)

    @property
    def writers(self) -> list[str]:
        """Who takes writes, the highest timeline first; more than one is a split brain."""
        found = [name for name, seen in self.members.items() if seen.takes_writes]
        return sorted(found, key=lambda name: -self.server(name).timeline)

    def server(self, name: str) -> Server:
        """Return what a member that answers says of itself."""
        server = self.members[name].server
        assert server is not None  # noqa: S101  # for the type checker
        return server

    def answers(self, name: str) -> bool:
        """Whether a member answered."""
        return self.members[name].server is not None


def look(members: Sequence[Member]) -> View:
    """Ask all members at once."""
    with ThreadPoolExecutor(max_workers=max(1, len(members))) as pool:
        found = list(pool.map(lambda member: look_at(member.url), members))
    return View({member.name: seen for member, seen in zip(members, found, strict=True)})


def look_at(url: str) -> Seen:
    """Ask one server."""
    try:
        with probe_connection(url) as link:
            return Seen(
                fetch_one(link, SQL / "server.sql", Server),
                tuple(fetch(link, SQL / "senders.sql", Sender)),
                tuple(fetch(link, SQL / "slots.sql", Slot)),
            )
    except ProbeError as error:
        return Seen(error=str(error))
