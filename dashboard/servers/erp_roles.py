"""The roles, rights and extensions of the ERP cluster, and the control database's one role."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import (
    ISOLATION_LEVEL_AUTOCOMMIT,
    connection,
    cursor,
    encrypt_password,
    make_dsn,
)

OWNER = "steward_owner"
APP = "steward_app"
MONITOR = "steward_monitor"
REPLICATION = "steward_replication"
BACKUP = "steward_backup"
CONTROL = "steward"

ATTRIBUTES = {
    OWNER: "LOGIN INHERIT CREATEROLE NOCREATEDB NOSUPERUSER NOREPLICATION NOBYPASSRLS",
    APP: "LOGIN NOINHERIT NOCREATEROLE NOCREATEDB NOSUPERUSER NOREPLICATION NOBYPASSRLS",
    MONITOR: "LOGIN INHERIT NOCREATEROLE NOCREATEDB NOSUPERUSER NOREPLICATION NOBYPASSRLS",
    REPLICATION: "LOGIN INHERIT NOCREATEROLE NOCREATEDB NOSUPERUSER REPLICATION NOBYPASSRLS",
    # sealed prices are under row-level security, which pg_dump refuses to read past
    BACKUP: "LOGIN INHERIT NOCREATEROLE NOCREATEDB NOSUPERUSER REPLICATION BYPASSRLS",
    CONTROL: "LOGIN INHERIT NOCREATEROLE NOCREATEDB NOSUPERUSER NOREPLICATION NOBYPASSRLS",
}
# Predefined roles; those an older PostgreSQL lacks are left out (pg_checkpoint came with 15).
MEMBERSHIPS = {
    # Cancelling and ending sessions from the console, which has to see who they are.
    OWNER: ("pg_signal_backend", "pg_read_all_stats"),
    MONITOR: ("pg_monitor",),
    # A replication login can copy the whole cluster anyway; pg_dump needs to be told it may read.
    BACKUP: ("pg_read_all_settings", "pg_read_all_stats", "pg_checkpoint", "pg_read_all_data"),
}
# Limits in PostgreSQL's units. A forgotten transaction holds back vacuum, so none may idle for long.
SETTINGS = {
    CONTROL: {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "300s"},
    APP: {
        "statement_timeout": "120s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "300s",
        # The server's log would carry what people typed, sealed prices too: in failing and slow statements
        # and in the details of deadlocks. pg_stat_statements tells of slow ones without their values.
        "log_min_error_statement": "panic",
        "log_min_duration_statement": "-1",
        "log_error_verbosity": "terse",
    },
    MONITOR: {
        "statement_timeout": "15s",
        "lock_timeout": "2s",
        "default_transaction_read_only": "on",
        # Every ten seconds the same probes: they would crowd out what people ask.
        "pg_stat_statements.track": "none",
    },
}
EXTENSIONS = ("pg_trgm", "pg_stat_statements", "btree_gin", "amcheck", "pgstattuple")
SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True)
class ErpPasswords:
    """One password per login of the ERP cluster."""

    owner: str
    app: str
    monitor: str
    replication: str
    backup: str


def bootstrap_erp(superuser_url: str, database: str, passwords: ErpPasswords) -> None:
    """Create or correct the cluster's roles and the ERP database; can be repeated at any time."""
    logins = {
        OWNER: passwords.owner,
        APP: passwords.app,
        MONITOR: passwords.monitor,
        REPLICATION: passwords.replication,
        BACKUP: passwords.backup,
    }
    with _cursor(superuser_url) as at:
        for role, password in logins.items():
            _ensure_role(at, role, password)
        _ensure_database(at, database, OWNER)
        _allow_connections(at, database, (OWNER, APP, MONITOR, BACKUP))
        current = at.connection.info.dbname
        _allow_connections(at, current, (MONITOR, BACKUP))
        _run_file(at, "backup_functions.sql")
    with _cursor(superuser_url, database) as at:
        _run_file(at, "backup_functions.sql")
        _run_file(at, "erp_rights.sql")
        _ensure_extensions(at)


def bootstrap_control(superuser_url: str, database: str, password: str) -> None:
    """Create or correct the role `steward` and the control database it owns; can be repeated."""
    with _cursor(superuser_url) as at:
        _ensure_role(at, CONTROL, password)
        _ensure_database(at, database, CONTROL)
        _allow_connections(at, database, (CONTROL,))


@contextmanager
def _cursor(url: str, database: str | None = None) -> Iterator[cursor]:
    # At the stack's start there is no standby yet that a commit could wait for.
    options = "-c synchronous_commit=local"
    dsn = make_dsn(url, dbname=database, options=options) if database else make_dsn(url, options=options)
    with closing(psycopg2.connect(dsn)) as link:
        # CREATE DATABASE cannot run inside a transaction.
        link.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with link.cursor() as at:
            yield at


def _ensure_role(at: cursor, role: str, password: str) -> None:
    name = sql.Identifier(role)
    at.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    if at.fetchone() is None:
        at.execute(sql.SQL("CREATE ROLE {}").format(name))
    # Only the SCRAM secret travels, so that no statement log holds the password.
    secret = encrypt_password(password, role, _link(at), "scram-sha-256")
    attributes = sql.SQL(ATTRIBUTES[role])
    at.execute(sql.SQL("ALTER ROLE {} {} PASSWORD %s").format(name, attributes), (secret,))
    for group in MEMBERSHIPS.get(role, ()):
        at.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (group,))
        if at.fetchone() is not None:
            at.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), name))
    for setting, value in SETTINGS.get(role, {}).items():
        parts = sql.SQL(".").join(sql.Identifier(part) for part in setting.split("."))
        at.execute(sql.SQL("ALTER ROLE {} SET {} = %s").format(name, parts), (value,))


def _link(at: cursor) -> connection:
    return at.connection


def _ensure_database(at: cursor, database: str, owner: str) -> None:
    at.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    names = sql.Identifier(database), sql.Identifier(owner)
    if at.fetchone() is None:
        at.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))


def _allow_connections(at: cursor, database: str, roles: tuple[str, ...]) -> None:
    """Only these may connect; nobody may make temporary tables, where names could be shadowed."""
    name = sql.Identifier(database)
    at.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    grantees = sql.SQL(", ").join(map(sql.Identifier, roles))
    at.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, grantees))


def _ensure_extensions(at: cursor) -> None:
    at.execute("SELECT name FROM pg_available_extensions WHERE name = ANY(%s)", (list(EXTENSIONS),))
    for (extension,) in at.fetchall():
        at.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public").format(sql.Identifier(extension))
        )


def _run_file(at: cursor, name: str) -> None:
    at.execute((SQL / name).read_text())
