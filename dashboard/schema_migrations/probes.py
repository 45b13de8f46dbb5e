"""Reads at which revision each database and each tenant's schema stands; no Flask, no session."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.connection import fetch, fetch_one, probe_connection
from dashboard.schema_migrations.ledger import LEDGER, Standing, by_name

SQL = Path(__file__).with_name("sql")
FLEET_MS = 15_000  # a thousand tenants are read in well under a second; leave room for a busy server


@dataclass(frozen=True)
class Version:
    """The revision in a version table."""

    revision: str


@dataclass(frozen=True)
class VersionTable:
    """Where a version is kept."""

    schema: str
    name: str


@dataclass(frozen=True)
class Difference:
    """A schema whose own version is not what the ledger says."""

    schema: str
    name: str
    ledger: str | None
    own: str | None


@dataclass(frozen=True)
class Move:
    """One revision: how many tenants were moved to it, when, by whom, in how many milliseconds."""

    revision: str
    tenants: int
    first_at: datetime
    last_at: datetime
    median_ms: float
    longest_ms: float
    actors: list[str]


@dataclass(frozen=True)
class Fleet:
    """Where the ERP cluster stands. `strays` are schemas with a version that the ledger does not know."""

    shared: str | None
    standings: list[Standing]
    differences: list[Difference]
    strays: list[str]
    moves: list[Move]


def read_control(url: str) -> str | None:
    """Return the revision of the control database, None before the first. Raises ProbeError."""
    with probe_connection(url) as link:
        return _version(link, "public", "alembic_version", list_version_tables(link))


def read_fleet(url: str) -> Fleet:
    """Read the shared head and the ledger, and compare each line of it with the schema's own version.

    Needs the owner's login: no other role may look into all tenants. Raises ProbeError.
    """
    with probe_connection(url, statement_ms=FLEET_MS) as link:
        tables = list_version_tables(link)
        shared = _version(link, "public", "shared_version", tables)
        if shared is None:
            return Fleet(None, [], [], [], [])
        rows = _ledger(link)
        return Fleet(shared, rows, compare(link, rows, tables), list_strays(rows, tables), _moves(link))


def compare(link: connection, rows: list[Standing], tables: set[VersionTable]) -> list[Difference]:
    """Ask each schema for its own version; one short query each, a UNION breaks at many thousands."""
    owns = ((row, _version(link, row.schema, "alembic_version", tables)) for row in rows)
    return [Difference(row.schema, row.name, row.revision, own) for row, own in owns if own != row.revision]


def _ledger(link: connection) -> list[Standing]:
    with link.cursor() as at:
        at.execute(str(LEDGER))
        return by_name(Standing._make(row) for row in at.fetchall())


def _moves(link: connection) -> list[Move]:
    return fetch(link, SQL / "moves.sql", Move)


def list_strays(rows: list[Standing], tables: set[VersionTable]) -> list[str]:
    """Return migrated schemas of nobody; what the time machine puts beside a tenant has its own page."""
    known = {row.schema for row in rows} | {"public"}
    return sorted(found.schema for found in tables if found.schema not in known and "__" not in found.schema)


def list_version_tables(link: connection) -> set[VersionTable]:
    """Return where versions are kept in this database."""
    return set(fetch(link, SQL / "version_tables.sql", VersionTable))


def _version(link: connection, schema: str, name: str, tables: set[VersionTable]) -> str | None:
    if VersionTable(schema, name) not in tables:
        return None
    found = fetch_one(link, SQL / "version.sql", Version, {"schema": schema, "name": name})
    return found.revision if found else None
