"""Reads from the ERP primary what no other probe stores: logins and the guards of history."""

from dataclasses import dataclass
from pathlib import Path

from dashboard.health.connection import fetch, probe_connection

SQL = Path(__file__).with_name("sql")
CATALOG_MS = 15_000  # with 500 schemas the triggers take 0.3 s; leave room for a busy server


@dataclass(frozen=True)
class Login:
    """A role that can log in, and its powers."""

    name: str
    is_super: bool
    may_create_roles: bool
    may_create_databases: bool
    may_replicate: bool
    passes_row_security: bool
    may_create_in_public: bool
    owned: int


@dataclass(frozen=True)
class Gap:
    """A trigger that guards or records rows elsewhere, and is missing or switched off here."""

    schema: str
    table: str
    trigger: str
    is_there: bool


@dataclass(frozen=True)
class Guarded:
    """How much is recorded and guarded: schemas, and different tables."""

    schemas: int
    recorded: int
    append_only: int


@dataclass(frozen=True)
class Transport:
    """Where the server listens, and how it keeps passwords."""

    listens_on: str
    password_encryption: str


@dataclass(frozen=True)
class Access:
    """One look at the primary."""

    transport: Transport
    logins: list[Login]
    guarded: Guarded
    gaps: list[Gap]


def read_access(url: str) -> Access:
    """Read logins and triggers with the monitoring login. Raises ProbeError."""
    with probe_connection(url, statement_ms=CATALOG_MS) as link:
        return Access(
            transport=fetch(link, SQL / "transport.sql", Transport)[0],
            logins=fetch(link, SQL / "logins.sql", Login),
            guarded=fetch(link, SQL / "history_count.sql", Guarded)[0],
            gaps=fetch(link, SQL / "history_gaps.sql", Gap),
        )
