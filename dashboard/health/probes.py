"""Reads the health of a PostgreSQL server: one .sql file per topic, typed rows, no Flask, no session."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.backend_probes import (
    Backend,
    Sessions,
    Transaction,
    Wait,
    read_backends,
    sessions_of,
    transactions_of,
    waits_of,
)
from dashboard.health.connection import fetch, fetch_one, probe_connection

SQL = Path(__file__).with_name("sql")
# Named by the database strategy (HLT-1).
WANTED_EXTENSIONS = ("uuid-ossp", "pg_stat_statements", "pg_cron", "pgstattuple", "amcheck")
WATCHED_SETTINGS = (
    *("archive_mode", "archive_timeout", "autovacuum", "data_checksums", "effective_cache_size"),
    *("log_min_duration_statement", "maintenance_work_mem", "max_connections", "max_slot_wal_keep_size"),
    *("max_replication_slots", "max_wal_senders", "password_encryption", "shared_buffers"),
    *("shared_preload_libraries", "ssl", "summarize_wal", "synchronous_commit"),
    *("synchronous_standby_names", "wal_keep_size", "wal_level", "wal_log_hints"),
    *("wal_segment_size", "work_mem"),
)
CHECKPOINTER_VERSION = 170_000
SIZES_MS = 30_000  # with 500 schemas the catalogue sums take 0.2 s; leave room for a busy server


@dataclass(frozen=True)
class Server:
    """What the server says about itself."""

    version: str
    started_at: datetime
    clock_at: datetime
    in_recovery: bool
    database: str
    max_connections: int
    reserved_connections: int
    oldest_xid_age: int


@dataclass(frozen=True)
class Counters:
    """Counters of the database since `reset_at`."""

    commits: int
    rollbacks: int
    blocks_hit: int
    blocks_read: int
    deadlocks: int
    temp_files: int
    temp_bytes: int
    conflicts: int
    checksum_failures: int | None
    reset_at: datetime | None


@dataclass(frozen=True)
class Archiver:
    """The server's own view of its archiving; the backup repository has the last word."""

    archived: int
    last_archived_wal: str | None
    last_archived_at: datetime | None
    failed: int
    last_failed_wal: str | None
    last_failed_at: datetime | None
    mode: str
    waiting_files: int
    wal_bytes: int


@dataclass(frozen=True)
class Checkpoints:
    """Checkpoints since `reset_at`: by the clock, and those that WAL or somebody asked for."""

    timed: int
    requested: int
    write_ms: float
    sync_ms: float
    buffers: int
    reset_at: datetime | None


@dataclass(frozen=True)
class Activity:
    """All that is cheap enough for every ten seconds."""

    server: Server
    sessions: list[Sessions]
    counters: Counters | None
    transactions: list[Transaction]
    waits: list[Wait]
    archiver: Archiver | None
    checkpoints: Checkpoints | None = None


@dataclass(frozen=True)
class SchemaSize:
    """Pages of one schema in bytes, rows as the planner knows them."""

    schema: str
    tables: int
    rows: int | None
    bytes: int | None


@dataclass(frozen=True)
class TableSize:
    """One of the largest tables; bytes of table with TOAST, and of its indexes."""

    schema: str
    name: str
    rows: int | None
    table_bytes: int
    index_bytes: int


@dataclass(frozen=True)
class Totals:
    """Size of the database in bytes and block counters of all user indexes."""

    database_bytes: int
    index_blocks_hit: int | None
    index_blocks_read: int | None


@dataclass(frozen=True)
class Extension:
    """An extension that is installed or that the strategy wants. The owner may install a trusted one."""

    name: str
    available: str | None
    installed: str | None
    wanted: bool
    trusted: bool


@dataclass(frozen=True)
class Setting:
    """A server setting with its unit and where its value comes from."""

    name: str
    value: str
    unit: str
    source: str
    pending_restart: bool


@dataclass(frozen=True)
class Inventory:
    """What takes too long, or changes too rarely, to be read more often than every 15 minutes."""

    totals: Totals | None
    schemas: list[SchemaSize]
    tables: list[TableSize]
    extensions: list[Extension]
    settings: list[Setting]


@dataclass(frozen=True)
class Schema:
    """Where an extension is installed."""

    schema: str


def read_activity(url: str) -> Activity:
    """Read sessions, counters, waits and the archiver. Raises ProbeError."""
    with probe_connection(url) as link:
        return activity_on(link)


def activity_on(link: connection, backends: Sequence[Backend] | None = None) -> Activity:
    """Read the same through a connection that is already open, with the processes when they are known."""
    seen = read_backends(link) if backends is None else backends
    checkpoints = "checkpoints.sql" if link.server_version >= CHECKPOINTER_VERSION else "checkpoints_16.sql"
    return Activity(
        server=fetch(link, SQL / "server.sql", Server)[0],
        sessions=sessions_of(seen),
        counters=fetch_one(link, SQL / "database.sql", Counters),
        transactions=transactions_of(seen),
        waits=waits_of(seen),
        archiver=fetch_one(link, SQL / "archiver.sql", Archiver),
        checkpoints=fetch_one(link, SQL / checkpoints, Checkpoints),
    )


def read_inventory(url: str) -> Inventory:
    """Read sizes, extensions and settings. Raises ProbeError."""
    with probe_connection(url, statement_ms=SIZES_MS) as link:
        return Inventory(
            totals=fetch_one(link, SQL / "totals.sql", Totals),
            schemas=fetch(link, SQL / "schema_sizes.sql", SchemaSize),
            tables=fetch(link, SQL / "table_sizes.sql", TableSize),
            extensions=fetch(link, SQL / "extensions.sql", Extension, {"wanted": list(WANTED_EXTENSIONS)}),
            settings=fetch(link, SQL / "settings.sql", Setting, {"names": list(WATCHED_SETTINGS)}),
        )
