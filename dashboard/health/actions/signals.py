"""Cancels the statement of one session or ends it, and never another that got its process id. An engine."""

import re
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2.extensions import cursor, parse_dsn

from dashboard.health.connection import CONNECT_SECONDS, libpq_url, one_line

GRANT = "GRANT pg_signal_backend, pg_read_all_stats TO {};"
CLIENT = "client backend"
# Logins and programs that hold up replication, backups, probes and maintenance.
OWN_LOGINS = frozenset({"steward_replication", "steward_backup", "steward_monitor", "steward_owner"})
OWN_PROGRAMS = re.compile(r"^(barman|pg_basebackup|pg_receivewal|pg_dump|steward_|patroni)", re.IGNORECASE)
WAIT_MS = 3_000
NO_RIGHT = "42501"
FIND = """
SELECT backend_start, backend_type, usename, application_name, coalesce(state, ''), pid = pg_backend_pid()
FROM pg_stat_activity WHERE pid = %s
"""
# In one statement with the check, so that no other process can have got the id in between.
SEND = {
    "cancel": "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s",
    "terminate": (
        "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
    ),
}


class SignalRefusedError(Exception):
    """Nothing was done; the message says why, in a sentence for people."""


class ProtectedSessionError(SignalRefusedError):
    """The session belongs to the system itself: it takes a stronger confirmation."""


@dataclass(frozen=True)
class Session:
    """Who a process is."""

    started_at: datetime | None
    kind: str
    login: str
    program: str
    state: str
    is_self: bool

    @property
    def is_protected(self) -> bool:
        """Whether the system itself needs it."""
        return self.kind != CLIENT or self.login in OWN_LOGINS or bool(OWN_PROGRAMS.match(self.program))

    def __str__(self) -> str:
        who = f"{self.login or 'the server'}, {self.program}" if self.program else self.login
        return f"{self.kind} of {who}"


def send(url: str, kind: str, pid: int, started: datetime, *, forced: bool = False) -> str:
    """Cancel or terminate the session that has this process id since `started`; return what came of it.

    Raises SignalRefusedError, of which ProtectedSessionError can be answered with `forced`.
    """
    try:
        link = psycopg2.connect(
            libpq_url(url), connect_timeout=CONNECT_SECONDS, application_name="steward_action"
        )
        with closing(link):
            link.autocommit = True
            with link.cursor() as at:
                at.execute("SET statement_timeout = 10000")
                session = _find(at, pid, started, forced=forced)
                return _send(at, kind, pid, session)
    except psycopg2.Error as error:
        raise SignalRefusedError(_explain(error, url)) from error


def _find(at: cursor, pid: int, started: datetime, *, forced: bool) -> Session:
    at.execute(FIND, (pid,))
    row = at.fetchone()
    if row is None:
        raise SignalRefusedError(f"Session {pid} is over already; nothing was done.")
    session = Session(row[0], row[1] or "hidden process", row[2] or "", row[3] or "", row[4], row[5])
    if session.started_at is None:
        raise SignalRefusedError(f"The login may not see who {pid} is, so nothing was done. {_grant(at)}")
    if session.started_at != started:
        raise SignalRefusedError(
            f"Process id {pid} belongs to another session now ({session}, since"
            f" {session.started_at:%Y-%m-%d %H:%M:%S %Z}); the one you meant is over. Nothing was done."
        )
    if session.is_self:
        raise SignalRefusedError("That is the session this action runs in.")
    if session.is_protected and not forced:
        raise ProtectedSessionError(
            f"Session {pid} is a {session}: it would interrupt replication, a backup, a probe or maintenance."
            " Nothing was done."
        )
    return session


def _send(at: cursor, kind: str, pid: int, session: Session) -> str:
    if kind == "terminate":
        at.execute(SEND[kind], (WAIT_MS, pid, session.started_at))
    else:
        at.execute(SEND[kind], (pid, session.started_at))
    row = at.fetchone()
    if row is None:
        return f"Session {pid} ended by itself just before."
    if kind == "cancel":
        idle = session.state.startswith("idle")
        return f"Session {pid} ({session}) had no statement running." if idle else _told(pid, session)
    if row[0]:
        return f"Session {pid} ({session}) is ended."
    return f"Session {pid} ({session}) was told to end, but is still there after {WAIT_MS // 1000} s."


def _told(pid: int, session: Session) -> str:
    return f"The statement of session {pid} ({session}) was told to stop."


def _grant(at: cursor) -> str:
    at.execute("SELECT quote_ident(current_user)")
    row = at.fetchone()
    return "As a superuser: " + GRANT.format(row[0] if row else "steward_owner")


def _explain(error: psycopg2.Error, url: str) -> str:
    words = one_line(error)
    if error.pgcode == NO_RIGHT:
        login = parse_dsn(libpq_url(url))["user"]
        return f"{words}. As a superuser: {GRANT.format(login)}"
    return words
