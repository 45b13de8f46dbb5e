"""Runs the probes of a tier on one server, over a connection that may be kept from round to round.

Each round is a transaction that only reads, with short limits. Each probe's server time is measured on the
server, from the arrival of its statement to its last row. On a server with many schemas most of what a round
costs is a new connection that reads the catalogue anew: a kept one has it in memory.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Timer

import psycopg2
from psycopg2.extensions import connection, cursor

from dashboard.core.addresses import for_libpq
from dashboard.metrics import probes
from dashboard.metrics.folding import fold
from dashboard.metrics.probes import FAST, MINUTE, QUARTER, STATEMENT_MS, Probe, Round, RoundError

NAME = "steward_probe"
CONNECT_SECONDS = 2  # libpq takes no less
# A server stopped by a signal answers nothing and breaks nothing, whatever limits it was given: it is left.
GREETING_SECONDS = 2.0
ROUND_SECONDS = {FAST: 5.0, MINUTE: 20.0, QUARTER: 100.0}
RENEWED_AFTER = 360  # rounds: what the server's process has gathered in memory is given back
BEGIN = """
SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = 500; SET LOCAL jit = off;
SELECT current_setting('server_version'), pg_is_in_recovery(), pg_postmaster_start_time(), clock_timestamp()
"""
TIMED = """
SAVEPOINT probe;
SELECT probe.*, 1000 * extract(epoch FROM clock_timestamp() - statement_timestamp()) AS cost_ms
FROM (
{statement}) AS probe
"""


class KeptLinks:
    """Connections that stay open from round to round, one for each address."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def run(self, url: str, tier: str) -> Round:
        """Run a tier's probes on a server. Raises RoundError. For one thread at a time for each address."""
        return self._links.setdefault(url, Link(url)).run(tier)

    def close(self) -> None:
        """Close all of them."""
        for link in self._links.values():
            link.close()


def run_round(url: str, tier: str) -> Round:
    """Run a tier's probes once, over a connection of its own. Raises RoundError when the server is away."""
    with closing(Link(url)) as link:
        return link.run(tier)


class Link:
    """The way to one server. For one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open: connection | None = None
        self._in_recovery = False
        self._rounds = 0

    def run(self, tier: str) -> Round:
        """Run a tier's probes. Raises RoundError when the server is away; a probe that fails harms no other.

        A connection that is of no use any more, as after a restart or a promotion, is made anew at once.
        """
        begun = time.perf_counter()
        try:
            found = self._greet_again(tier) or self._greet_anew(tier)
            self._ask_all(tier, found)
        except psycopg2.Error as error:
            self.close()
            raise RoundError(_one_line(error)) from error
        found.wall_ms = 1000 * (time.perf_counter() - begun)
        return found

    def close(self) -> None:
        """Say good-bye to the server."""
        if self._open is not None:
            self._open.close()
        self._open = None

    def _greet_again(self, tier: str) -> Round | None:
        """Begin a round over the kept connection; None when there is none, or it is of no use any more."""
        if self._open is None:
            return None
        with suppress(psycopg2.Error), _limited(self._open, GREETING_SECONDS) as at:
            found = _greet(at, tier)
            if found.in_recovery == self._in_recovery and self._rounds < RENEWED_AFTER:
                return found
        self.close()
        return None

    def _greet_anew(self, tier: str) -> Round:
        begun = time.perf_counter()
        self._open = _connect(self._url, tier)
        connect_ms = 1000 * (time.perf_counter() - begun)
        with _limited(self._open, GREETING_SECONDS) as at:
            found = _greet(at, tier)
        found.connect_ms, self._in_recovery, self._rounds = connect_ms, found.in_recovery, 0
        return found

    def _ask_all(self, tier: str, found: Round) -> None:
        """Ask and commit: a rollback would count as the application's."""
        if self._open is None:
            return
        with _limited(self._open, ROUND_SECONDS[tier]) as at:
            for probe in probes.choose(tier, found.major, in_recovery=found.in_recovery):
                _ask(at, probe, found)
            self._open.commit()
        self._rounds += 1


def _connect(url: str, tier: str) -> connection:
    link: connection = psycopg2.connect(
        for_libpq(url),
        connect_timeout=CONNECT_SECONDS,
        application_name=NAME,
        tcp_user_timeout=2 * STATEMENT_MS[tier],  # milliseconds: a host that vanished is not waited for
    )
    link.set_session(readonly=True)
    return link


@contextmanager
def _limited(link: connection, seconds: float) -> Iterator[cursor]:
    """Work over a connection; it is cut when that takes too long, which whoever waits for an answer sees."""
    timer = Timer(seconds, _cut, [link])
    timer.start()
    try:
        with link.cursor() as at:
            yield at
    finally:
        timer.cancel()
        timer.join()


def _cut(link: connection) -> None:
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(link.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def _greet(at: cursor, tier: str) -> Round:
    at.execute(BEGIN.format(milliseconds=STATEMENT_MS[tier]))
    version, in_recovery, started_at, clock_at = at.fetchone() or ("0", False, None, None)
    return Round(version, in_recovery, started_at, clock_at)


def _ask(at: cursor, probe: Probe, found: Round) -> None:
    try:
        at.execute(TIMED.format(statement=probe.statement))
        names = [column.name for column in at.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in at.fetchall()]
    except psycopg2.errors.QueryCanceled:
        found.failures[probe.name] = f"It took longer than {STATEMENT_MS[probe.tier]} ms and was stopped."
        at.execute("ROLLBACK TO SAVEPOINT probe")
    except psycopg2.DatabaseError as error:
        if at.connection.closed:
            raise
        found.failures[probe.name] = _one_line(error)
        at.execute("ROLLBACK TO SAVEPOINT probe")
    else:
        for row in [fold(probe.fold, rows)] if probe.fold else rows:
            probes.take(found, probe.name, row)


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
