"""Reads at which revision each database and each tenant's schema stands; no Flask, no session."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.connection import fetch, fetch_one, probe_connection

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
class TenantHead:
    """Where a tenant stands: `revision` by its own schema, `ledger_revision` by the fleet's ledger."""

    slug: str
    name: str
    schema: str
    status: str
    ledger_revision: str | None
    applied_at: datetime | None
    applied_by: str | None
    duration_ms: int | None
    revision: str | None = None


@dataclass(frozen=True)
class Upgrade:
    """A line of the ledger: who moved a tenant from where to where, and how long it took."""

    tenant: str
    from_revision: str | None
    to_revision: str | None
    applied_at: datetime
    applied_by: str
    duration_ms: int


@dataclass(frozen=True)
class Fleet:
    """Where the ERP cluster stands."""

    shared: str | None
    tenants: list[TenantHead]
    recent: list[Upgrade]


@dataclass(frozen=True)
class _LedgerLine:
    slug: str
    name: str
    schema: str
    status: str
    ledger_revision: str | None
    applied_at: datetime | None
    applied_by: str | None
    duration_ms: int | None


def read_control(url: str) -> str | None:
    """Return the revision of the control database, None before the first. Raises ProbeError."""
    with probe_connection(url) as link:
        return _version(link, "public", "alembic_version", _tables(link))


def read_fleet(url: str) -> Fleet:
    """Read the shared head, every tenant's head and the newest upgrades. Raises ProbeError.

    Needs the owner's login: no other role may look into all tenants.
    """
    with probe_connection(url, statement_ms=FLEET_MS) as link:
        tables = _tables(link)
        shared = _version(link, "public", "shared_version", tables)
        if shared is None:
            return Fleet(None, [], [])
        lines = [TenantHead(**vars(line)) for line in fetch(link, SQL / "ledger.sql", _LedgerLine)]
        heads = [
            replace(line, revision=_version(link, line.schema, "alembic_version", tables)) for line in lines
        ]
        return Fleet(shared, heads, fetch(link, SQL / "recent.sql", Upgrade))


def _tables(link: connection) -> set[VersionTable]:
    return set(fetch(link, SQL / "version_tables.sql", VersionTable))


def _version(link: connection, schema: str, name: str, tables: set[VersionTable]) -> str | None:
    """One short query per schema: a UNION over all of them breaks at many thousands."""
    if VersionTable(schema, name) not in tables:
        return None
    found = fetch_one(link, SQL / "version.sql", Version, {"schema": schema, "name": name})
    return found.revision if found else None
