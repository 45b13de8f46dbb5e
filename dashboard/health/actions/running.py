"""Runs one long statement while somebody watches it, and stops it when told. An engine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection

from dashboard.health.actions.commands import NotDoneError, progress_text
from dashboard.health.connection import (
    CONNECT_SECONDS,
    ProbeError,
    fetch,
    libpq_url,
    one_line,
    probe_connection,
)

SQL = Path(__file__).with_name("sql")
APPLICATION = "steward_maintenance"
LOOK_SECONDS = 1.0
STOP_SECONDS = 30.0
# PostgreSQL says so and goes on, as if it had done it.
SKIPPED = ("permission denied", "skipping", "only table or database owner", "only superuser")


class StoppedError(Exception):
    """The statement was stopped because `watch` said so; the message is its reason."""


@dataclass(frozen=True)
class _Progress:
    phase: str
    done: int | None
    total: int | None


@contextmanager
def maintenance_connection(url: str, lock_ms: int) -> Iterator[connection]:
    """Yield an autocommitting connection whose statements end when this process does."""
    link = psycopg2.connect(libpq_url(url), connect_timeout=CONNECT_SECONDS, application_name=APPLICATION)
    with closing(link):
        link.autocommit = True
        with link.cursor() as at:
            at.execute("SET statement_timeout = 0")
            at.execute("SET lock_timeout = %s", (lock_ms,))
            # A killed worker must not leave its statement running, which the next attempt would wait for.
            at.execute("SET client_connection_check_interval = '2s'")
        yield link


def run(link: connection, text: sql.Composable, watch: Callable[[], str]) -> None:
    """Run a statement; `watch` is called every second and returns a reason to stop it, '' to go on.

    Raises StoppedError, NotDoneError, psycopg2.Error; whatever `watch` raises also stops the statement.
    """
    failures: list[BaseException] = []
    worker = threading.Thread(target=_execute, args=(link, text, failures), name="maintenance", daemon=True)
    del link.notices[:]
    worker.start()
    try:
        while worker.is_alive():
            worker.join(LOOK_SECONDS)
            if worker.is_alive():
                _go_on_unless(watch())
    except BaseException:
        _stop(link, worker)
        raise
    if failures:
        raise failures[0]
    if said := [line.strip() for line in link.notices if any(word in line for word in SKIPPED)]:
        raise NotDoneError(said[-1].removeprefix("WARNING:").strip())


def _execute(link: connection, text: sql.Composable, failures: list[BaseException]) -> None:
    try:
        with link.cursor() as at:
            at.execute(text)
    except psycopg2.Error as error:
        failures.append(error)


def _go_on_unless(reason: str) -> None:
    if reason:
        raise StoppedError(reason)


def _stop(link: connection, worker: threading.Thread) -> None:
    with suppress(psycopg2.Error):
        link.cancel()
    worker.join(STOP_SECONDS)


def read_progress(url: str, pid: int) -> str:
    """Return how far the maintenance of a process is, in words; '' when nobody can say."""
    try:
        with probe_connection(url) as link:
            rows = fetch(link, SQL / "progress.sql", _Progress, {"pid": pid})
    except ProbeError:
        return ""
    return progress_text(vars(rows[0])) if rows else ""


def explain(error: psycopg2.Error) -> str:
    """Return PostgreSQL's words, with what gives the missing right."""
    words = one_line(error)
    if error.pgcode == "42501":
        return f"{words}. Maintenance is done by the owner's login: ALTER TABLE … OWNER TO steward_owner."
    if error.pgcode == "55P03":
        return f"{words}. Somebody held a lock all the time; try again at a quieter hour."
    return words
