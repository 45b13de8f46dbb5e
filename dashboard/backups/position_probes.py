"""Asks the primary where its WAL ends and who has it, and each standby what it holds."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dashboard.health.connection import fetch, probe_connection

SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True)
class Position:
    """Where the primary's WAL ended at its own `clock_at`, in bytes; numbers of transactions beside it."""

    clock_at: datetime
    position: int
    oldest_running: int
    next_to_finish: int


@dataclass(frozen=True)
class Receiver:
    """One client of the primary's WAL and how far it says it has it."""

    name: str
    state: str | None
    sync_state: str | None
    written: int | None
    flushed: int | None


@dataclass(frozen=True)
class StandbyPosition:
    """How far a standby has WAL on its disk, and the newest commit it has replayed."""

    in_recovery: bool
    held: int | None
    commit_at: datetime | None


@dataclass(frozen=True)
class Primary:
    """The primary's answer."""

    at: Position
    receivers: list[Receiver]


def read_primary(url: str) -> Primary:
    """Read position and receivers, in this order. Raises ProbeError; a server in recovery is no primary."""
    with probe_connection(url) as link:
        at = fetch(link, SQL / "position.sql", Position)[0]
        return Primary(at, fetch(link, SQL / "receivers.sql", Receiver))


def read_standby(url: str) -> StandbyPosition:
    """Read what a standby holds. Raises ProbeError."""
    with probe_connection(url) as link:
        return fetch(link, SQL / "standby.sql", StandbyPosition)[0]
