"""Makes pg_dump archives and proves them: read to their end, then restored into a server made for it."""

import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from dashboard.core.addresses import for_libpq
from dashboard.servers import Postgres, ServerError, free_port, scratch_folder
from dashboard.servers.process import Command, Process, StopStep, last_lines, tool_environment

POLL_SECONDS = 0.1
STOP_STEPS = (StopStep(signal.SIGTERM, 5),)
ROOM = 1.3  # of the dumped database's size: its files, and the WAL of writing them
OUR_BYTES = 64 * 2**20  # what an empty server takes
SCRATCH = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "20",
    "max_locks_per_transaction": "1024",
    "shared_preload_libraries": "pg_stat_statements",
}
Tick = Callable[[], None]


class ArchiveError(Exception):
    """An archive could not be made, or is broken; the message says which, in PostgreSQL's words."""


class BrokenArchiveError(ArchiveError):
    """The archive cannot be restored."""


@dataclass(frozen=True)
class Source:
    """What to dump: a database, or one schema of it with what that schema needs from `public`.

    `snapshot` is one that another session exported; without it the dump takes its own.
    """

    url: str
    schema: str = ""
    snapshot: str = ""

    @property
    def is_part(self) -> bool:
        """Whether it is one schema only."""
        return bool(self.schema)


@dataclass(frozen=True)
class Contents:
    """What a restore brought back."""

    tables: int
    rows: int
    seconds: float


def dump(source: Source, target: Path, programs: Path, tick: Tick) -> None:
    """Write an archive in pg_dump's own format. Raises ArchiveError; `tick` may raise to break off."""
    # The definitions of `public` come along, its rows do not: they name the other tenants.
    part = ["--schema", source.schema, "--schema", "public", "--exclude-table-data", "public.*"]
    options = [*part, "--extension", "*"] if source.is_part else []
    options += ["--snapshot", source.snapshot] if source.snapshot else []
    try:
        _run(
            programs / "pg_dump", ["--format=custom", *options, "--file", os.fspath(target)], source.url, tick
        )
    except ArchiveError as error:
        hint = (
            " Set STEWARD_BACKUP_URL to a login with BYPASSRLS." if "row-level security" in str(error) else ""
        )
        raise ArchiveError(f"{error}{hint}") from error


def read_through(archive: Path, programs: Path, tick: Tick) -> None:
    """Read an archive to its end; listing its contents would pass one that is cut off."""
    try:
        _run(programs / "pg_restore", ["--file", os.devnull, os.fspath(archive)], "", tick)
    except ArchiveError as error:
        raise BrokenArchiveError(f"The dump cannot be read to its end: {error}") from error


def prove(source: Source, archive: Path, programs: Path, tick: Tick) -> Contents:
    """Restore an archive into a server of its own, which is thrown away. Raises BrokenArchiveError."""
    began = time.monotonic()
    roles, size = _roles_and_size(source.url)
    with _scratch_server(programs, size) as server:
        _prepare(server, roles, without_public=source.is_part)
        tick()
        arguments = ["--exit-on-error", "--dbname", "proof", os.fspath(archive)]
        try:
            _run(server.bin / "pg_restore", arguments, server.url("proof"), tick)
        except ArchiveError as error:
            raise BrokenArchiveError(f"The dump does not restore: {error}") from error
        tables, rows = _count(server, source.schema)
    if not tables:
        raise BrokenArchiveError("The dump restores, but holds no table.")
    return Contents(tables, rows, time.monotonic() - began)


@contextmanager
def _scratch_server(programs: Path, size: int) -> Iterator[Postgres]:
    with scratch_folder("st-dump-") as folder:
        free, needed = shutil.disk_usage(folder).free, int(size * ROOM) + OUR_BYTES
        if free < needed:
            raise ArchiveError(
                f"Proving the dump needs {needed:,} bytes in {folder.parent}, {free:,} are free: "
                "let TMPDIR name a bigger disk."
            )
        server = Postgres(folder / "pg", free_port(), secrets.token_hex(16), SCRATCH, bin_folder=programs)
        try:
            server.ensure_initialised()
            server.start()
            yield server
        except ServerError as error:
            raise ArchiveError(f"The server to prove the dump on does not start: {error}") from error
        finally:
            server.stop()


def _roles_and_size(url: str) -> tuple[list[str], int]:
    """Owners and rights in an archive name roles, which are not in it."""
    try:
        with closing(psycopg2.connect(libpq(url))) as link, link.cursor() as at:
            at.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'")
            roles = [name for (name,) in at.fetchall()]
            at.execute("SELECT pg_database_size(current_database())")
            row = at.fetchone()
            return roles, int(row[0]) if row else 0
    except psycopg2.Error as error:
        raise ArchiveError(f"The database does not answer: {str(error).strip()}") from error


def _prepare(server: Postgres, roles: Sequence[str], *, without_public: bool) -> None:
    with closing(psycopg2.connect(server.url("postgres"))) as link:
        link.autocommit = True
        with link.cursor() as at:
            for role in roles:
                at.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            at.execute("CREATE DATABASE proof TEMPLATE template0")
    if without_public:  # a dump of chosen schemas creates each of them
        with closing(psycopg2.connect(server.url("proof"))) as link, link, link.cursor() as at:
            at.execute("DROP SCHEMA public CASCADE")


def _count(server: Postgres, schema: str) -> tuple[int, int]:
    query = (
        "SELECT count(*), coalesce(sum(n_tup_ins), 0) FROM pg_stat_user_tables"
        " WHERE relid NOT IN (SELECT partrelid FROM pg_partitioned_table)"
        " AND (%(schema)s = '' OR schemaname = %(schema)s)"
    )
    with closing(psycopg2.connect(server.url("proof"))) as link, link.cursor() as at:
        at.execute(query, {"schema": schema})
        row = at.fetchone() or (0, 0)
        return int(row[0]), int(row[1])


def libpq(url: str) -> str:
    """Return an address without the driver's name."""
    return for_libpq(url)


def _run(program: Path, arguments: Sequence[str], url: str, tick: Tick) -> None:
    """Run a tool of PostgreSQL; the password travels in its environment, which other users cannot read."""
    with scratch_folder("st-tool-") as folder:
        command = Command(
            name=program.name,
            argv=[os.fspath(program), *arguments],
            folder=folder,
            log=folder / "said",
            environment=tool_environment(folder) | _login(url),
            stop_steps=STOP_STEPS,
        )
        process = Process(command)
        try:
            process.launch()
            while process.returncode is None:
                tick()
                time.sleep(POLL_SECONDS)
        except ServerError as error:
            raise ArchiveError(str(error)) from error
        finally:
            process.stop()
        if process.returncode:
            raise ArchiveError(_said(command.log, program.name, process.returncode))


def _login(url: str) -> dict[str, str]:
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"} | {
        "dbname": "PGDATABASE",
        "sslmode": "PGSSLMODE",
        "sslrootcert": "PGSSLROOTCERT",
        "target_session_attrs": "PGTARGETSESSIONATTRS",
    }
    given = parse_dsn(libpq(url)) if url else {}
    return {names[key]: str(value) for key, value in given.items() if key in names}


def _said(log: Path, name: str, code: int) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line or "ERROR:" in line]
    words = " ".join((errors or lines)[:3]) or last_lines(log, 0)
    return words.removeprefix(f"{name}: error: ") or f"{name} ended with {code}"
