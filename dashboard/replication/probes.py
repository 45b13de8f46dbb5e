"""Reads both ends of streaming replication: the primary's senders and slots, each standby's receiver."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

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
    """A replication slot and the WAL it keeps, in bytes."""

    name: str
    kind: str
    active: bool
    pid: int | None
    retained_bytes: int | None
    wal_status: str | None
    safe_bytes: int | None
    inactive_at: datetime | None


@dataclass(frozen=True)
class Frozen:
    """Commits that wait for a synchronous standby, the oldest for `seconds`."""

    commits: int
    seconds: float | None


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
    """What a standby says about itself; positions in bytes as the primary's."""

    clock_at: datetime
    in_recovery: bool
    version: str
    paused: bool
    received_position: int | None
    replayed_position: int | None
    last_transaction_at: datetime | None
    receiver: Receiver | None = None


def read_primary(url: str) -> PrimaryView:
    """Read senders, slots and frozen commits. Raises ProbeError; a server in recovery is no primary."""
    with probe_connection(url) as link:
        return PrimaryView(
            primary=fetch(link, SQL / "primary.sql", Primary)[0],
            senders=fetch(link, SQL / "senders.sql", Sender),
            slots=fetch(link, SQL / "slots.sql", Slot),
            frozen=fetch_one(link, SQL / "frozen.sql", Frozen),
        )


@dataclass(frozen=True)
class _Recovery:
    clock_at: datetime
    in_recovery: bool
    version: str
    paused: bool
    received_position: int | None
    replayed_position: int | None
    last_transaction_at: datetime | None


def read_standby(url: str) -> StandbyView:
    """Read recovery state and receiver of a standby. Raises ProbeError."""
    with probe_connection(url) as link:
        own = fetch(link, SQL / "standby.sql", _Recovery)[0]
        return StandbyView(**vars(own), receiver=fetch_one(link, SQL / "receiver.sql", Receiver))
