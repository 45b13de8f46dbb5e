"""Reads of the live cluster what a drill compares the restored one with; it only reads, and may be away."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection, cursor

from dashboard.backups.drills.counting import Movement, Standing, read_movement, stand

SHARED = "public"
CONNECT_SECONDS = 5
LONGEST_SECONDS = 900


class LiveAwayError(Exception):
    """The live cluster does not answer, or not to this login; the message says which."""


@dataclass(frozen=True)
class Tenant:
    """A tenant as registered on one of the two servers."""

    slug: str
    schema: str
    created_at: datetime


@dataclass(frozen=True)
class Begin:
    """The live cluster when the drill began: its clock, where its WAL stood, its heads and counters."""

    at: datetime
    position: int
    heads: Mapping[str, str] = field(default_factory=dict)
    movement: Movement = field(default_factory=dict)


@contextmanager
def one_moment(url: str, *, timeout: int = LONGEST_SECONDS) -> Iterator[cursor]:
    """Open a read-only transaction in which everything is seen as of one moment; `timeout` in seconds."""
    options = f"-c statement_timeout={timeout * 1000} -c search_path=pg_catalog"
    with closing(psycopg2.connect(url, connect_timeout=CONNECT_SECONDS, options=options)) as link:
        link.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with link.cursor() as at:
            yield at
        link.rollback()


@contextmanager
def of_live(url: str) -> Iterator[cursor]:
    """As `one_moment` on the live cluster. Raises LiveAwayError for everything that goes wrong there."""
    try:
        with one_moment(url) as at:
            yield at
    except psycopg2.Error as error:
        raise LiveAwayError(" ".join(str(error).split())) from error


def read_begin(url: str) -> Begin:
    """Read where the live cluster stands before the restore begins. Raises LiveAwayError."""
    with of_live(url) as at:
        at.execute("SELECT clock_timestamp(), pg_current_wal_lsn() - '0/0'")
        now, position = at.fetchone() or (None, 0)
        tenants = list_tenants(at)
        schemas = [tenant.schema for tenant in tenants]
        return Begin(now, int(position), read_heads(at, schemas), read_movement(at, schemas))


def list_tenants(at: cursor) -> list[Tenant]:
    """Return the registered tenants that have a schema; none where the registry does not exist."""
    at.execute("SELECT to_regclass('public.tenant') IS NOT NULL")
    if not _first(at):
        return []
    at.execute(
        "SELECT slug, schema_name, created_at FROM public.tenant WHERE status <> 'archived' ORDER BY slug"
    )
    return [Tenant(*row) for row in at.fetchall()]


def read_heads(at: cursor, schemas: list[str]) -> dict[str, str]:
    """Return the migration each schema stands at; `public` is the shared history."""
    places = {name: (name, "alembic_version") for name in schemas} | {SHARED: (SHARED, "shared_version")}
    found = {}
    for schema, (place, table) in places.items():
        at.execute("SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL", (place, table))
        if _first(at):
            at.execute(sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(place, table)))
            found[schema] = str(_first(at) or "")
    return found


def heads_before(at: cursor, since: datetime) -> dict[str, set[str]]:
    """Return, per schema, the revisions that migrations after a moment have left behind."""
    at.execute(
        "SELECT t.schema_name, r.from_revision FROM public.tenant_revision r"
        " JOIN public.tenant t ON t.id = r.tenant_id WHERE r.applied_at > %s",
        (since,),
    )
    left: dict[str, set[str]] = {}
    for schema, revision in at.fetchall():
        left.setdefault(schema, set()).add(revision or "")
    return left


@dataclass(frozen=True)
class Compared:
    """The live cluster's side of one tenant: its counts, and how much was written since the drill began."""

    standing: Standing
    moved: Mapping[str, int]


def stand_live(url: str, tenant: Tenant, settled_at: datetime, begin: Begin) -> Compared:
    """Count a tenant's rows on the live cluster. Raises LiveAwayError."""
    with of_live(url) as at:
        standing = stand(at, tenant.schema, settled_at)
        now = read_movement(at, [tenant.schema])
    moved = {table: count - begin.movement.get((schema, table), 0) for (schema, table), count in now.items()}
    return Compared(standing, moved)


def _first(at: cursor) -> object:
    row = at.fetchone()
    return row[0] if row else None


def autocommitting(url: str) -> connection:
    """Connect for single statements. The caller closes it."""
    link = psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)
    link.autocommit = True
    return link
