"""Reads both ends of streaming replication: the primary's senders and slots, each standby's receiver."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.connection import fetch, fetch_one, probe_connection

SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True)
class Primary:
    """Where the primary writes; `position` in bytes since the beginning of its WAL."""

    clock_at: datetime
    lsn: str
    position: int
    timeline: int
    synchronous_names: str
    synchronous_commit: str = "on"
    port: int = 0


@dataclass(frozen=True)
class Sender:
    """One client of the primary's WAL: bytes behind by stage, lag in seconds (None: no recent traffic)."""

    pid: int
    name: str
    state: str | None
    sync_state: str | None
    address: str | None
    connected_at: datetime
    replied_at: datetime | None
    sent_bytes: int | None
    write_bytes: int | None
    flush_bytes: int | None
    replay_bytes: int | None
    write_seconds: float | None
    flush_seconds: float | None
    replay_seconds: float | None


@dataclass(frozen=True)
class Slot:
    """A replication slot and the WAL it keeps, in bytes; `reader` is who streams through it now."""

    name: str
    kind: str
    active: bool
    pid: int | None
    retained_bytes: int | None
    wal_status: str | None
    safe_bytes: int | None
    inactive_at: datetime | None
    reader: str = ""
    restart_lsn: str | None = None


@dataclass(frozen=True)
class Waiting:
    """Frozen commits of one login and program; `schemas` are those they wrote to, separated by commas."""

    login: str
    application: str
    schemas: str
    commits: int
    since_at: datetime


@dataclass(frozen=True)
class Frozen:
    """Commits that wait for a synchronous standby, the oldest for `seconds`; `by` says whose they are."""

    commits: int
    seconds: float | None
    since_at: datetime | None = None
    by: list[Waiting] = field(default_factory=list)


@dataclass(frozen=True)
class PrimaryView:
    """All that the primary knows about its standbys."""

    primary: Primary
    senders: list[Sender]
    slots: list[Slot]
    frozen: Frozen | None


@dataclass(frozen=True)
class Receiver:
    """A standby's own end of the stream."""

    status: str
    sender_host: str
    sender_port: int
    slot: str
    heard_at: datetime | None


@dataclass(frozen=True)
class StandbyView:
    """What a server says about itself; positions in bytes as the primary's.

    `slot_name` is the slot it asks for, `status_seconds` how often its receiver answers the primary.
    """

    clock_at: datetime
    in_recovery: bool
    version: str
    paused: bool
    received_position: int | None
    replayed_position: int | None
    last_transaction_at: datetime | None
    receiver: Receiver | None = None
    timeline: int | None = None
    slot_name: str = ""
    status_seconds: float = 10.0


@dataclass(frozen=True)
class MemberView:
    """One server's answer; `primary` only when it takes writes."""

    own: StandbyView
    primary: PrimaryView | None


def read_primary(url: str) -> PrimaryView:
    """Read senders, slots and frozen commits. Raises ProbeError; a server in recovery is no primary."""
    with probe_connection(url) as link:
        return _primary(link)


def read_member(url: str) -> MemberView:
    """Read what a server says of itself and, when it takes writes, of its standbys. Raises ProbeError."""
    with probe_connection(url) as link:
        own = _own(link)
        return MemberView(own, None if own.in_recovery else _primary(link))


def _primary(link: connection) -> PrimaryView:
    return PrimaryView(
        primary=fetch(link, SQL / "primary.sql", Primary)[0],
        senders=fetch(link, SQL / "senders.sql", Sender),
        slots=fetch(link, SQL / "slots.sql", Slot),
        frozen=_frozen(link),
    )


@dataclass(frozen=True)
class _Count:
    commits: int
    seconds: float | None
    since_at: datetime | None


def _frozen(link: connection) -> Frozen:
    count = fetch(link, SQL / "frozen.sql", _Count)[0]
    # Locks are looked at only when something waits: the rest of the time this must cost nothing.
    by = fetch(link, SQL / "frozen_by.sql", Waiting) if count.commits else []
    return Frozen(**vars(count), by=by)


@dataclass(frozen=True)
class _Recovery:
    clock_at: datetime
    in_recovery: bool
    version: str
    paused: bool
    received_position: int | None
    replayed_position: int | None
    last_transaction_at: datetime | None
    timeline: int | None
    slot_name: str
    status_seconds: float


def _own(link: connection) -> StandbyView:
    own = fetch(link, SQL / "standby.sql", _Recovery)[0]
    return StandbyView(**vars(own), receiver=fetch_one(link, SQL / "receiver.sql", Receiver))
