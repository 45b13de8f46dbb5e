"""Brings a tenant's schema from a scratch server beside the live one; the owner login loads it.

No session, no queue: what it is given are addresses and names.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from dashboard.core.errors import ConflictError
from dashboard.schema_migrations.drift import definition
from dashboard.tenancy.scope import quote
from dashboard.tenants.rewinding import sealing, sequences, shared_rows
from dashboard.tenants.rewinding.tools import Tools, libpq_environment, options_of

PHASES = (
    "dump",
    "tables and rows",
    "shared rows and sequences",
    "keys and rules",
    "seals and rights",
    "check",
)
SHARED_VERSION = "public.shared_version"

Phase = Callable[[str], None]


@dataclass(frozen=True)
class Passage:
    """Where from and where to: `then_url` has all rights on the scratch server, `live_url` is the owner's.

    `folder` is private and goes again: the dump passes through it.
    """

    then_url: str
    live_url: str
    schema: str
    beside: str
    role: str
    application: str
    folder: Path
    sslmode: str = ""


@dataclass
class Loaded:
    """What a person should know of the load."""

    shared_rows: dict[str, int] = field(default_factory=dict)
    sequences: int = 0
    notes: list[str] = field(default_factory=list)


def load(passage: Passage, tools: Tools, on_phase: Phase) -> Loaded:
    """Bring the schema over. Raises ConflictError for another migration head, ToolError when a program fails.

    What was begun is left as it is on an error: the caller drops it, as after a crash.
    """
    passage.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _Load(passage, tools, on_phase, passage.folder / "tenant.dump").run()
    finally:
        shutil.rmtree(passage.folder, ignore_errors=True)  # it holds sealed prices in the clear


class _Load:
    def __init__(self, passage: Passage, tools: Tools, on_phase: Phase, dump: Path) -> None:
        self.passage = passage
        self.tools = tools
        self.on_phase = on_phase
        self.dump = dump
        self.loaded = Loaded()
        self.jumped: set[str] = set()
        self.then, self.live = engine_of(passage.then_url), engine_of(passage.live_url, passage.sslmode)

    def run(self) -> Loaded:
        self._check_heads()
        self.on_phase("dump")
        with transaction(self.then) as scratch:
            others = sealing.owned_by_others(scratch, self.passage.schema)
            self.jumped = sequences.jumped(scratch, self.passage.schema)
            names = quote(scratch, self.passage.schema), quote(scratch, self.passage.beside)
            scratch.exec_driver_sql(f"ALTER SCHEMA {names[0]} RENAME TO {names[1]}")
        self._dump()
        self.on_phase("tables and rows")
        self._restore("pre-data", "data")
        self.on_phase("shared rows and sequences")
        self._bring_shared_rows()
        self._set_sequences_back()
        self.on_phase("keys and rules")
        self._restore("post-data")
        self.on_phase("seals and rights")
        self._finish(others)
        self.on_phase("check")
        self._compare_definitions()
        return self.loaded

    def _check_heads(self) -> None:
        with transaction(self.then) as scratch, transaction(self.live) as live:
            check_same_head(scratch, live, self.passage.schema)

    def _dump(self) -> None:
        pattern = '"' + self.passage.beside + '"'
        arguments = ("-Fc", "-Z", "1", "-n", pattern, "-f", str(self.dump))
        environment = libpq_environment(self.passage.then_url, self.passage.application)
        self.tools.run("pg_dump", *arguments, environment=environment)

    def _restore(self, *sections: str) -> None:
        passage = self.passage
        environment = libpq_environment(passage.live_url, passage.application, passage.sslmode)
        database = environment["PGDATABASE"]
        self.tools.run(
            "pg_restore", *options_of(*sections), "-d", database, str(self.dump), environment=environment
        )

    def _bring_shared_rows(self) -> None:
        with transaction(self.then) as scratch, transaction(self.live) as live:
            self.loaded.shared_rows = shared_rows.put_back(scratch, live, self.passage.beside)

    def _set_sequences_back(self) -> None:
        with transaction(self.live) as live:
            back = sequences.set_back(live, self.passage.beside, self.jumped)
        self.loaded.sequences = back.count
        self.loaded.notes += [f"The sequence {name} may be up to 32 ahead." for name in back.unknown]

    def _finish(self, others: list[tuple[str, str, str]]) -> None:
        beside = self.passage.beside
        with transaction(self.live) as live:
            tables = live.scalars(text(TABLES), {"schema": beside})
            live.exec_driver_sql(f"ANALYZE {', '.join(tables)}")
            left = sealing.seal_off(live, beside, others)
            self.loaded.notes += [f"It belonged to another role, now to the owner: {what}." for what in left]
            # nobody of the tenant looks into it while it stands beside: a seal may have been put off since
            names = quote(live, beside), quote(live, self.passage.role)
            live.exec_driver_sql(f"REVOKE ALL ON SCHEMA {names[0]} FROM {names[1]}")

    def _compare_definitions(self) -> None:
        with transaction(self.live) as live:
            found = definition.differences(live, self.passage.schema, self.passage.beside)
        if found:
            more = f" and {len(found) - 12} more" if len(found) > 12 else ""
            self.loaded.notes.append(
                f"Defined otherwise then than now, at the same migration head: {', '.join(found[:12])}{more}."
            )


TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind IN ('r', 'p') ORDER BY 1
"""
EXISTS = "SELECT 1 FROM pg_namespace WHERE nspname = :schema"


def check_same_head(then: Connection, live: Connection, schema: str) -> None:
    """Refuse what another release of the tables would read. Raises ConflictError naming both heads."""
    for place, what in ((f"{quote(live, schema)}.alembic_version", "tenant"), (SHARED_VERSION, "shared")):
        if what == "tenant" and not then.scalar(text(EXISTS), {"schema": schema}):
            raise ConflictError(
                "The tenant did not exist at that time.", fix="Choose a time after it was created."
            )
        before, now = (head_of(connection, place) for connection in (then, live))
        if before != now:
            raise ConflictError(
                f"The {what} tables were at migration {before} then and are at {now} now: they do not fit.",
                fix="Choose a time after that migration, or restore to a scratch server to look into it.",
            )


def head_of(connection: Connection, table: str) -> str:
    """The migration a schema stands at."""
    return ", ".join(connection.scalars(text(f"SELECT version_num FROM {table} ORDER BY 1")))  # noqa: S608


def engine_of(url: str, sslmode: str = "") -> Engine:
    """An engine for a few connections, each opened anew."""
    arguments = {"application_name": "steward-rewind", "connect_timeout": 10}
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg2://", 1),
        poolclass=NullPool,
        connect_args=arguments | ({"sslmode": sslmode} if sslmode else {}),
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction with an empty search_path, so that every name is printed and read in full."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO ''")
        yield connection
