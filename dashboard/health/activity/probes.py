"""Reads what every session does, in one short transaction; no Flask, no session of ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.backend_probes import CLIENT, STANDBY, Backend, read_backends
from dashboard.health.connection import costs_of, fetch, probe_connection
from dashboard.health.masking import mask_sql
from dashboard.health.probes import Activity, activity_on

SQL = Path(__file__).with_name("sql")
MOST_CLIENTS, MOST_HOLDERS = 80, 10
PREPARED = 0  # what pg_blocking_pids says of a prepared transaction


@dataclass(frozen=True)
class Client:
    """A client session; `schemas` are those its transaction works in."""

    pid: int
    role: str
    application: str
    database: str
    client: str
    state: str
    wait_kind: str
    wait_event: str
    connected_seconds: float | None
    transaction_seconds: float | None
    state_seconds: float | None
    query: str
    started_at: datetime | None = None
    schemas: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Party:
    """A session in a queue for a lock, or in the way of one: what it waits for, and who is before it."""

    pid: int
    role: str
    application: str
    state: str
    transaction_seconds: float | None
    seconds: float | None
    query: str
    kind: str
    mode: str
    object: str
    schema: str
    started_at: datetime | None = None
    blocked_by: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Prepared:
    """A transaction that was prepared and waits for its second phase."""

    gid: str
    owner: str
    database: str
    seconds: float
    xid_age: int


@dataclass(frozen=True)
class Holder:
    """Somebody who keeps old row versions alive; `xid_age` in transactions."""

    kind: str
    pid: int | None
    name: str
    detail: str
    xid_age: int | None
    seconds: float | None


@dataclass(frozen=True)
class Progress:
    """A long command and how far it is."""

    kind: str
    pid: int
    relation: str
    phase: str
    done: int | None
    total: int | None
    unit: str
    seconds: float | None


@dataclass(frozen=True)
class Now:
    """What the activity page shows. `more` client sessions were left out."""

    clients: list[Client]
    parties: list[Party]
    prepared: list[Prepared]
    holders: list[Holder]
    progress: list[Progress]
    total: int
    costs: dict[str, float]


@dataclass(frozen=True)
class _Busy:
    busy: bool


@dataclass(frozen=True)
class _Schemas:
    pid: int
    schemas: list[str]


def read_moment(url: str) -> tuple[Activity, Now]:
    """Read the figures of the server and what its sessions do. Raises ProbeError."""
    with probe_connection(url) as link:
        backends = read_backends(link)
        activity = activity_on(link, backends)
        return activity, _now_on(link, backends)


def _now_on(link: connection, backends: Sequence[Backend]) -> Now:
    clients = [row for row in backends if row.type == CLIENT]
    prepared = fetch(link, SQL / "prepared.sql", Prepared)
    is_busy = fetch(link, SQL / "under_way.sql", _Busy)[0].busy
    found = Now(
        clients=_with_schemas(link, sorted(clients, key=_importance)[:MOST_CLIENTS]),
        parties=_parties(link, backends),
        prepared=prepared,
        holders=_holders(backends, prepared, fetch(link, SQL / "slots.sql", Holder)),
        progress=fetch(link, SQL / "progress.sql", Progress) if is_busy else [],
        total=len(clients),
        costs={},
    )
    return replace(found, costs=costs_of(link))


def _importance(row: Backend) -> tuple[int, float, int]:
    """Waiting, at work, idle in a transaction, idle; the longest of each first."""
    rank = 0 if row.waits else 1 if row.state == "active" else 2 if row.state.startswith("idle in") else 3
    return rank, -(row.transaction_seconds or row.state_seconds or 0.0), row.pid


def _with_schemas(link: connection, backends: Sequence[Backend]) -> list[Client]:
    """Say in whose schemas open transactions work."""
    pids = [row.pid for row in backends if row.transaction_seconds is not None]
    found = fetch(link, SQL / "schemas_in_use.sql", _Schemas, {"pids": pids}) if pids else []
    schemas = {row.pid: sorted(row.schemas) for row in found}
    names = {one.name for one in fields(Client)}
    return [
        Client(
            **{name: value for name, value in vars(row).items() if name in names},
            schemas=schemas.get(row.pid, []),
        )
        for row in backends
    ]


def _parties(link: connection, backends: Sequence[Backend]) -> list[Party]:
    blocked_by = {row.pid: row.blocked_by for row in backends if row.wait_kind == "Lock"}
    if not blocked_by:
        return []
    pids = sorted({*blocked_by, *(pid for before in blocked_by.values() for pid in before)} - {PREPARED})
    found = fetch(link, SQL / "locks.sql", Party, {"pids": pids})
    return [replace(row, query=mask_sql(row.query), blocked_by=blocked_by.get(row.pid, [])) for row in found]


def _holders(
    backends: Sequence[Backend], prepared: Sequence[Prepared], slots: Sequence[Holder]
) -> list[Holder]:
    """Return who keeps old row versions alive, the oldest first."""
    found = [
        Holder(
            "standby feedback" if row.type == STANDBY else "session",
            row.pid,
            row.application or row.role,
            row.state,
            row.xid_age,
            row.transaction_seconds,
        )
        for row in backends
        if row.xid_age is not None and row.type in {CLIENT, STANDBY}
    ]
    found += [
        Holder("prepared transaction", None, row.gid, row.owner, row.xid_age, row.seconds) for row in prepared
    ]
    every = sorted([*found, *slots], key=lambda row: (-(row.xid_age or 0), -(row.seconds or 0)))
    return every[:MOST_HOLDERS]
