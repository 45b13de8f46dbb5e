"""The write probe on the live ERP during a change: what a client that follows the primary would see."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime

import psycopg2
from psycopg2 import sql

from dashboard.core.addresses import for_libpq
from dashboard.failover.write_probe import TABLE, WriteProbe, writing

# Twenty writes a second cost a cluster nothing, and tell the outage to a twentieth of a second.
PAUSE_SECONDS = 0.05
CONNECT_SECONDS = 3
RETRY_SECONDS = 0.1


@contextmanager
def probing(owner_url: str) -> Iterator[WriteProbe]:
    """Write while the block runs, into a table that is dropped afterwards. Raises psycopg2.Error."""
    dsn = for_libpq(owner_url)
    probe = WriteProbe(dsn, pause=PAUSE_SECONDS)
    _drop(dsn)  # of a change that was killed
    probe.prepare()
    try:
        with writing(probe):
            yield probe
    finally:
        with suppress(psycopg2.Error):
            _drop(dsn)


def first_write(owner_url: str, seconds: float) -> datetime | None:
    """Write until one write is acknowledged; return when, None when none was within so many seconds."""
    dsn = for_libpq(owner_url)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(psycopg2.Error):
            _write(dsn)
            return datetime.now(UTC)
        time.sleep(RETRY_SECONDS)
    return None


def _write(dsn: str) -> None:
    with closing(psycopg2.connect(dsn, connect_timeout=CONNECT_SECONDS)) as link, link, link.cursor() as at:
        at.execute("CREATE TEMPORARY TABLE written (n int)")  # its entry in the catalogue is a commit


def _drop(dsn: str) -> None:
    with closing(psycopg2.connect(dsn, connect_timeout=CONNECT_SECONDS)) as link:
        link.autocommit = True
        with link.cursor() as at:
            at.execute("SET synchronous_commit TO local; SET lock_timeout TO '5s'")
            at.execute(sql.SQL("DROP TABLE IF EXISTS public.{}").format(sql.Identifier(TABLE)))
