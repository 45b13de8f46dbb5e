"""A client that writes without pause through a failover, and tells what that was like for it.

It does what an application with several hosts in its address does: on an error it connects anew, to whichever
server takes writes. A row counts once its commit was acknowledged; only such rows can be lost.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection, make_dsn

TABLE = "steward_failover_probe"
PAUSE_SECONDS = 0.005
RETRY_SECONDS = 0.02
CONNECT_SECONDS = 2
APPLICATION = "steward_write_probe"
POSITION = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint"


@dataclass(frozen=True)
class Write:
    """An acknowledged write: its number, when (monotonic seconds), where the WAL then ended in bytes."""

    number: int
    at: float
    position: int


@dataclass(frozen=True)
class Outage:
    """The longest time between two acknowledged writes. `seconds` is None while there was no second one."""

    began_at: datetime
    seconds: float | None
    failures: int
    last_position: int


@dataclass
class WriteProbe:
    """Writes rows in a thread of its own from `start` to `stop`; `dsn` names all hosts.

    The rows get their number (`id`) from the table itself.
    """

    dsn: str
    table: str = TABLE
    pause: float = PAUSE_SECONDS
    writes: list[Write] = field(default_factory=list)
    failures: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="write-probe", daemon=True)
        # Both clocks at one moment: lengths are told by the one that never jumps.
        self._zero = datetime.now(UTC) - timedelta(seconds=time.monotonic())

    def prepare(self) -> None:
        """Make the table. Raises psycopg2.Error."""
        with closing(self._connect()) as link, link.cursor() as at:
            at.execute(
                sql.SQL(
                    "CREATE TABLE IF NOT EXISTS public.{} (id bigint GENERATED ALWAYS AS IDENTITY,"
                    " at timestamptz NOT NULL DEFAULT clock_timestamp())"
                ).format(sql.Identifier(self.table))
            )

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End the writing; a write that hangs is not waited for."""
        self._stop.set()
        self._thread.join(timeout=2 * CONNECT_SECONDS)

    def wrote_after(self, moment: float) -> Write | None:
        """Return the first write acknowledged after a moment (monotonic seconds), if any."""
        return next((write for write in self.writes if write.at > moment), None)

    def clock(self, moment: float) -> datetime:
        """Return a moment of the monotonic clock as a time of day."""
        return self._zero + timedelta(seconds=moment)

    def outage(self, moment: float) -> Outage | None:
        """Tell of the longest gap that ended after a moment; None when nothing had been written before it."""
        writes = list(self.writes)
        if not writes or writes[0].at > moment:
            return None
        gaps = [(later.at - early.at, early) for early, later in pairwise(writes) if later.at > moment]
        seconds, last = max(gaps, key=lambda gap: gap[0]) if gaps else (None, writes[-1])
        failures = sum(at > last.at for at, _words in self.failures)
        return Outage(self.clock(last.at), seconds, failures, last.position)

    def lost(self, url: str) -> list[int]:
        """Return the numbers of acknowledged rows that a server does not have. Raises psycopg2.Error."""
        with closing(psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)) as link, link.cursor() as at:
            at.execute(sql.SQL("SELECT id FROM public.{}").format(sql.Identifier(self.table)))
            there = {row[0] for row in at.fetchall()}
        return [write.number for write in self.writes if write.number not in there]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(self._connect()) as link:
                    self._write_on(link)
            except psycopg2.Error as error:
                self.failures.append((time.monotonic(), " ".join(str(error).split())[:200]))
                self._stop.wait(RETRY_SECONDS)

    def _write_on(self, link: connection) -> None:
        insert = sql.SQL("INSERT INTO public.{} DEFAULT VALUES RETURNING id")
        query = insert.format(sql.Identifier(self.table))
        with link.cursor() as at:
            while not self._stop.is_set():
                at.execute(query)
                acknowledged, row = time.monotonic(), at.fetchone() or (0,)
                at.execute(POSITION)
                position = at.fetchone() or (0,)
                self.writes.append(Write(int(row[0]), acknowledged, int(position[0])))
                self._stop.wait(self.pause)

    def _connect(self) -> connection:
        dsn = make_dsn(
            self.dsn,
            connect_timeout=CONNECT_SECONDS,
            target_session_attrs="read-write",
            application_name=APPLICATION,
        )
        link: connection = psycopg2.connect(dsn)
        link.autocommit = True
        return link


@contextmanager
def writing(probe: WriteProbe) -> Iterator[WriteProbe]:
    """Write while the block runs."""
    probe.start()
    try:
        yield probe
    finally:
        with suppress(RuntimeError):
            probe.stop()
