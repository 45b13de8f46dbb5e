"""Changes for whom commits wait: ALTER SYSTEM and a reload, which work while commits are frozen."""

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import cursor, parse_dsn

from dashboard.health.connection import libpq_url, one_line

CONNECT_SECONDS = 3
IN_FORCE_SECONDS = 5.0
POLL_SECONDS = 0.05
# The session itself must never wait for the standby that is away, nor for anything else for long.
OPTIONS = "-c synchronous_commit=local -c statement_timeout=5s -c lock_timeout=2s"


@dataclass(frozen=True)
class Applied:
    """What the server says after the change: both values, when, and where it wrote then."""

    before: str
    after: str
    lsn: str
    at: datetime


class ConfiguringError(Exception):
    """The server was not changed, or does not follow; `sql` is what to run by hand as a superuser."""

    def __init__(self, message: str, sql: str) -> None:
        super().__init__(message)
        self.sql = sql


class NotAllowedError(ConfiguringError):
    """The login may not change the setting."""


def statements(value: str) -> str:
    """Return the SQL that sets synchronous_standby_names, one statement to a line."""
    quoted = value.replace("'", "''")
    return f"ALTER SYSTEM SET synchronous_standby_names = '{quoted}';\nSELECT pg_reload_conf();"


def grants(login: str) -> str:
    """Return the SQL that lets a login do it from then on (PostgreSQL 15 and newer)."""
    name = '"' + login.replace('"', '""') + '"'
    return (
        f"GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO {name};\n"
        f"GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {name};"
    )


def address(login_url: str, server_url: str = "") -> dict[str, Any]:
    """Return libpq's arguments for the login of one URL on the server of another ('' for its own)."""
    found: dict[str, Any] = parse_dsn(libpq_url(login_url))
    if server_url:
        server = parse_dsn(libpq_url(server_url))
        found |= {key: server[key] for key in ("host", "port") if key in server}
        found.pop("target_session_attrs", None)
        found.pop("hostaddr", None)
    return found


def set_synchronous(arguments: dict[str, Any], value: str) -> Applied:
    """Set synchronous_standby_names, reload, and wait until the server uses it.

    Raises NotAllowedError and ConfiguringError; what they say is for people.
    """
    sql = statements(value)
    options = f"{arguments.get('options', '')} {OPTIONS}".strip()
    own = {**arguments, "options": options, "connect_timeout": CONNECT_SECONDS}
    own["application_name"] = "steward_replication"
    try:
        with closing(psycopg2.connect(**own)) as link:
            link.autocommit = True  # ALTER SYSTEM refuses a transaction
            with link.cursor() as at:
                return _change(at, value, sql)
    except InsufficientPrivilege as error:
        raise NotAllowedError(
            f"The login {arguments.get('user', '')} may not change it: {one_line(error)}", sql
        ) from error
    except psycopg2.Error as error:
        raise ConfiguringError(f"The primary did not take it: {one_line(error)}", sql) from error


def _change(at: cursor, value: str, sql: str) -> Applied:
    in_recovery, before = _row(at, "SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names')")
    if in_recovery:
        raise ConfiguringError("That server is a standby: the primary has changed meanwhile.", sql)
    at.execute("ALTER SYSTEM SET synchronous_standby_names = %s", (value,))
    at.execute("SELECT pg_reload_conf()")
    after = _wait_in_force(at, value, sql)
    lsn, moment = _row(at, "SELECT pg_current_wal_lsn()::text, clock_timestamp()")
    return Applied(before, after, lsn, moment)


def _wait_in_force(at: cursor, value: str, sql: str) -> str:
    """Every process of the server reads its files anew at its next statement, this session too."""
    deadline = time.monotonic() + IN_FORCE_SECONDS
    while True:
        now, source = _row(
            at,
            "SELECT setting, coalesce(sourcefile, source)"
            " FROM pg_settings WHERE name = 'synchronous_standby_names'",
        )
        if now == value:
            return str(now)
        if time.monotonic() > deadline:
            raise ConfiguringError(f"It was written, but the server still uses '{now}' from {source}.", sql)
        time.sleep(POLL_SECONDS)


def _row(at: cursor, statement: str) -> tuple[Any, ...]:
    at.execute(statement)
    row = at.fetchone()
    assert row is not None  # noqa: S101  # each of these returns one row
    return row
