"""Reads the health of a PostgreSQL server: one .sql file per topic, typed rows, no Flask, no session."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.connection import fetch, fetch_one, probe_connection

SQL = Path(__file__).with_name("sql")
# Named by the database strategy (HLT-1).
WANTED_EXTENSIONS = ("uuid-ossp", "pg_stat_statements", "pg_cron")
WATCHED_SETTINGS = (
    *("archive_mode", "archive_timeout", "autovacuum", "data_checksums", "effective_cache_size"),
    *("log_min_duration_statement", "maintenance_work_mem", "max_connections", "max_slot_wal_keep_size"),
    *("max_replication_slots", "max_wal_senders", "password_encryption", "shared_buffers"),
    *("shared_preload_libraries", "ssl", "summarize_wal", "synchronous_commit"),
    *("synchronous_standby_names", "wal_keep_size", "wal_level", "wal_log_hints"),
    *("wal_segment_size", "work_mem"),
)
SIZES_MS = 30_000  # with 500 schemas the catalogue sums take 0.2 s; leave room for a busy server


@dataclass(frozen=True)
class Sessions:
    """How many client sessions are in a state."""

    state: str
    sessions: int


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
    settings_awaiting_restart: int


@dataclass(frozen=True)
class Counters:
    """Counters of the database since `reset_at`."""

    commits: int
    rollbacks: int
    blocks_hit: int
    blocks_read: int
    deadlocks: int
    temp_bytes: int
    checksum_failures: int | None
    reset_at: datetime | None


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
class Activity:
    """All that is cheap enough for every ten seconds."""

    server: Server
    sessions: list[Sessions]
    counters: Counters | None
    transactions: list[Transaction]
    waits: list[Wait]
    archiver: Archiver | None


@dataclass(frozen=True)
class Statement:
    """A query by its normalised text, summed over roles and schemas; times in milliseconds."""

    query: str
    calls: int
    total_ms: float
    mean_ms: float
    max_ms: float
    rows: int
    entries: int


@dataclass(frozen=True)
class StatementsInfo:
    """How many entries pg_stat_statements had to forget, and since when it counts."""

    forgotten: int
    since_at: datetime | None


@dataclass(frozen=True)
class Statements:
    """The heaviest queries; `installed` is false where the extension is missing."""

    installed: bool
    rows: list[Statement]
    info: StatementsInfo | None = None


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
    """An extension that is installed or that the strategy wants."""

    name: str
    available: str | None
    installed: str | None
    wanted: bool


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
class _Schema:
    schema: str


def read_activity(url: str) -> Activity:
    """Read sessions, counters, waits and the archiver. Raises ProbeError."""
    with probe_connection(url) as link:
        return Activity(
            server=fetch(link, SQL / "server.sql", Server)[0],
            sessions=fetch(link, SQL / "sessions.sql", Sessions),
            counters=fetch_one(link, SQL / "database.sql", Counters),
            transactions=fetch(link, SQL / "transactions.sql", Transaction),
            waits=fetch(link, SQL / "waits.sql", Wait),
            archiver=fetch_one(link, SQL / "archiver.sql", Archiver),
        )


def read_statements(url: str) -> Statements:
    """Read the heaviest queries of pg_stat_statements. Raises ProbeError."""
    with probe_connection(url, statement_ms=5_000) as link:
        found = fetch(link, SQL / "extension_schema.sql", _Schema, {"name": "pg_stat_statements"})
        if not found or not _is_preloaded(link):
            return Statements(installed=False, rows=[])
        names = {"schema": found[0].schema}
        rows = fetch(link, SQL / "statements.sql", Statement, names=names)
        info = fetch_one(link, SQL / "statements_info.sql", StatementsInfo, names)
        return Statements(installed=True, rows=rows, info=info)


def _is_preloaded(link: connection) -> bool:
    """Without the preload the view exists but every read of it fails."""
    with link.cursor() as at:
        at.execute("SELECT current_setting('shared_preload_libraries')")
        row = at.fetchone()
        return bool(row and "pg_stat_statements" in row[0])


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
