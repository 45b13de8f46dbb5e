"""Reads every process of a server in one pass, and tells from it sessions, transactions and waits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.connection import fetch
from dashboard.health.masking import mask_sql

SQL = Path(__file__).with_name("sql")
CLIENT, STANDBY = "client backend", "walsender"
MOST_TRANSACTIONS, MOST_WAITS = 20, 50


@dataclass(frozen=True)
class Backend:
    """A process of the server; seconds since each thing began, `xid_age` of the oldest row it may see."""

    pid: int
    role: str
    application: str
    database: str
    client: str
    type: str
    state: str
    wait_kind: str
    wait_event: str
    connected_seconds: float | None
    transaction_seconds: float | None
    query_seconds: float | None
    state_seconds: float | None
    xid_age: int | None
    query: str
    started_at: datetime | None = None
    blocked_by: list[int] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether it waits for a lock, or for a synchronous standby, which shows no lock."""
        return self.wait_kind == "Lock" or self.wait_event == "SyncRep"


@dataclass(frozen=True)
class Sessions:
    """How many client sessions are in a state; without one the role may not see it."""

    state: str
    sessions: int


@dataclass(frozen=True)
class Transaction:
    """An open transaction; seconds since it began and since its state changed."""

    pid: int
    role: str
    application: str
    state: str
    transaction_seconds: float
    state_seconds: float
    query: str


@dataclass(frozen=True)
class Wait:
    """A session that waits; `blocked_by` are the process ids in its way."""

    pid: int
    role: str
    application: str
    kind: str
    event: str
    blocked_by: list[int]
    seconds: float
    query: str


def read_backends(link: connection) -> list[Backend]:
    """Read all processes but our own. Values of queries are left out."""
    found = fetch(link, SQL / "backends.sql", Backend)
    return [replace(row, query=mask_sql(row.query), blocked_by=sorted(set(row.blocked_by))) for row in found]


def sessions_of(backends: Sequence[Backend]) -> list[Sessions]:
    """Count client sessions by state."""
    counted = Counter(row.state for row in backends if row.type == CLIENT)
    return [Sessions(state, number) for state, number in sorted(counted.items())]


def transactions_of(backends: Sequence[Backend]) -> list[Transaction]:
    """Return open transactions, the oldest first. Idle ones hold back vacuum as much as busy ones."""
    found = [
        Transaction(
            row.pid,
            row.role,
            row.application,
            row.state,
            row.transaction_seconds,
            row.state_seconds or 0.0,
            row.query,
        )
        for row in backends
        if row.type == CLIENT and row.transaction_seconds is not None
    ]
    return sorted(found, key=lambda row: -row.transaction_seconds)[:MOST_TRANSACTIONS]


def waits_of(backends: Sequence[Backend]) -> list[Wait]:
    """Return who waits for a lock or a synchronous standby, the longest first."""
    found = [
        Wait(
            row.pid,
            row.role,
            row.application,
            row.wait_kind,
            row.wait_event,
            row.blocked_by,
            _first(row.query_seconds, row.state_seconds),
            row.query,
        )
        for row in backends
        if row.waits
    ]
    return sorted(found, key=lambda row: -row.seconds)[:MOST_WAITS]


def _first(*seconds: float | None) -> float:
    return next((one for one in seconds if one is not None), 0.0)
