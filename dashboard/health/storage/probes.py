"""Reads tables, indexes, sequences and ages from the catalogue; no Flask, no session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.connection import ProbeError, costs_of, fetch, probe_connection

SQL = Path(__file__).with_name("sql")
STORAGE_MS = 60_000  # 15,000 tables take a second or two; leave room for a busy server
SEQUENCES_AT_ONCE = 500
UNUSED_BYTES = 10 * 2**20
UNUSED_MOST = 50
MOST_SEQUENCES = 40


@dataclass(frozen=True)
class Table:
    """A table, or all tables of one name (`list` is "by name"; then `schema` is an example)."""

    list: str
    schema: str
    name: str
    schemas: int
    tuples: int
    table_bytes: int
    index_bytes: int
    live: int
    dead: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None
    never_analyzed: int


@dataclass(frozen=True)
class Unused:
    """An index nobody read, over all schemas that have it; `read_on` names the standbys that do read it."""

    table_name: str
    name: str
    schemas: int
    example: str
    bytes: int
    supports_key: bool
    definition: str
    ids: list[int] = field(default_factory=list)
    read_on: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Duplicate:
    """Indexes of a table that do the same; `bytes` is what all but one take."""

    table_name: str
    names: list[str]
    schemas: int
    example: str
    bytes: int


@dataclass(frozen=True)
class Invalid:
    """An index that cannot be used; `building` of them are being made now."""

    table_name: str
    name: str
    schemas: int
    example: str
    bytes: int
    building: int


@dataclass(frozen=True)
class SequenceState:
    """A sequence and how far it is; the column's type may end before the sequence does."""

    id: int
    schema: str
    name: str
    owner: str
    readable: bool
    last_value: int | None
    most: int

    @property
    def share(self) -> float:
        """How much of it is used, of one."""
        return (self.last_value or 0) / self.most


@dataclass(frozen=True)
class SequenceUse:
    """Sequences of one name over all schemas: the one that is used most."""

    name: str
    owner: str
    schemas: int
    schema: str
    last_value: int
    most: int
    share: float


@dataclass(frozen=True)
class Sequences:
    """The most used; `unreadable` could not be asked for want of rights."""

    total: int
    unreadable: int
    used: list[SequenceUse]


@dataclass(frozen=True)
class DatabaseAge:
    """Transactions and multixacts since the oldest row of a database that is not frozen."""

    database: str
    xid_age: int
    multixact_age: int


@dataclass(frozen=True)
class OldTable:
    """One of the tables that hold the database's age up."""

    schema: str
    name: str
    is_toast: bool
    xid_age: int
    bytes: int


@dataclass(frozen=True)
class Counting:
    """Since when reads are counted, on one server; `error` when it did not answer."""

    server: str
    since_at: datetime | None
    error: str = ""


@dataclass(frozen=True)
class Storage:
    """What the page shows, but for bloat and invalid indexes, which are read at other times."""

    tables: list[Table]
    unused: list[Unused]
    counting: list[Counting]
    duplicates: list[Duplicate]
    databases: list[DatabaseAge]
    oldest: list[OldTable]
    costs: dict[str, float]


@dataclass(frozen=True)
class _Since:
    since_at: datetime | None
    block: int
    in_recovery: bool


@dataclass(frozen=True)
class _Scans:
    place: int
    scans: int


def read_storage(url: str, others: Mapping[str, str]) -> Storage:
    """Read the catalogue of the primary, and of `others` (address by name) who read which index.

    Raises ProbeError when the primary does not answer; a standby that does not is noted.
    """
    with probe_connection(url, statement_ms=STORAGE_MS) as link:
        since = fetch(link, SQL / "counting_since.sql", _Since)[0]
        bounds = {"block": since.block, "least": UNUSED_BYTES, "most": UNUSED_MOST}
        unused = fetch(link, SQL / "unused.sql", Unused, bounds)
        found = _rest_of_storage(link, since.block)
    counting = [Counting("primary", since.since_at)]
    for name, address in others.items():
        unused, seen = _ask_standby(name, address, unused)
        counting += [seen] if seen else []
    return replace(found, unused=[replace(row, ids=[]) for row in unused], counting=counting)


def _rest_of_storage(link: connection, block: int) -> Storage:
    found = Storage(
        tables=fetch(link, SQL / "tables.sql", Table, {"block": block}),
        unused=[],
        counting=[],
        duplicates=fetch(link, SQL / "duplicates.sql", Duplicate, {"block": block}),
        databases=fetch(link, SQL / "ages.sql", DatabaseAge),
        oldest=fetch(link, SQL / "oldest.sql", OldTable),
        costs={},
    )
    return replace(found, costs=costs_of(link))


def _ask_standby(name: str, url: str, unused: Sequence[Unused]) -> tuple[list[Unused], Counting | None]:
    """Note which of the indexes this server reads. Physical copies share the numbers of their indexes.

    A member that is the primary itself, as after a switchover, has been asked already: None.
    """
    pairs = [(one, place) for place, row in enumerate(unused) for one in row.ids]
    bound = {"ids": [one for one, _ in pairs], "places": [place for _, place in pairs]}
    try:
        with probe_connection(url, statement_ms=STORAGE_MS) as link:
            since = fetch(link, SQL / "counting_since.sql", _Since)[0]
            if not since.in_recovery:
                return list(unused), None
            scans = fetch(link, SQL / "scans.sql", _Scans, bound)
    except ProbeError as error:
        return list(unused), Counting(name, None, str(error))
    read = {row.place for row in scans if row.scans}
    marked = [
        replace(row, read_on=[*row.read_on, name]) if place in read else row
        for place, row in enumerate(unused)
    ]
    return marked, Counting(name, since.since_at)


def read_invalid(url: str) -> list[Invalid]:
    """Read the indexes that cannot be used: cheap enough for every minute. Raises ProbeError."""
    with probe_connection(url, statement_ms=5_000) as link:
        return fetch(link, SQL / "invalid.sql", Invalid)


def read_sequences(url: str) -> Sequences:
    """Read how far every sequence is, some at a time. `url` should be their owner's. Raises ProbeError."""
    after, most, total, unreadable = 0, dict[tuple[str, str], SequenceUse](), 0, 0
    while True:
        with probe_connection(url, statement_ms=STORAGE_MS) as link:
            bound = {"after": after, "most": SEQUENCES_AT_ONCE}
            rows = fetch(link, SQL / "sequences.sql", SequenceState, bound)
        for row in rows:
            _keep_most_used(most, row)
        total += len(rows)
        unreadable += sum(not row.readable for row in rows)
        if len(rows) < SEQUENCES_AT_ONCE:
            used = sorted(most.values(), key=lambda use: -use.share)[:MOST_SEQUENCES]
            return Sequences(total, unreadable, used)
        after = rows[-1].id


def _keep_most_used(most: dict[tuple[str, str], SequenceUse], row: SequenceState) -> None:
    key = row.name, row.owner
    known = most.get(key)
    schemas = 1 + (known.schemas if known else 0)
    if known and known.share >= row.share:
        most[key] = replace(known, schemas=schemas)
    else:
        most[key] = SequenceUse(
            row.name, row.owner, schemas, row.schema, row.last_value or 0, row.most, row.share
        )
