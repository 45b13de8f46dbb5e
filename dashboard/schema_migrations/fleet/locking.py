"""Owns the lock of a schema, how long a try may wait for tables, and the answer to who is in the way.

Whoever changes, renames or drops a schema of the tenants' history takes this lock first, and never waits
for it: a session waiting in a statement holds a snapshot, on which CREATE INDEX CONCURRENTLY would wait.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg2.extensions import cursor

KEY = "hashtextextended(%s, 7310002)"
# Seconds a try waits for a table. Others queue behind it meanwhile, so the first ones are hardly felt.
LADDER = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0)
# Nobody queues behind CREATE or DROP INDEX CONCURRENTLY while it waits for old transactions.
CONCURRENT_LADDER = (5.0, 10.0, 20.0, 30.0)
MAX_PAUSE_SECONDS = 30.0

# Sessions that hold a lock on a table of the schema, or, for CONCURRENTLY, a snapshot older than the others'.
BLOCKERS = """
SELECT a.pid, a.usename, coalesce(a.application_name, ''), coalesce(a.state, ''),
       extract(epoch FROM clock_timestamp() - a.xact_start)::float
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND (a.pid IN (
        SELECT l.pid FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
        WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND c.relnamespace = to_regnamespace(%(schema)s))
       OR (%(concurrently)s AND a.backend_xmin IS NOT NULL))
ORDER BY a.xact_start NULLS LAST LIMIT 3
"""
# What the workers of a run wait for at this moment.
WAITING = """
SELECT a.application_name, a.pid, blocker.pid, blocker.usename, coalesce(blocker.application_name, ''),
       coalesce(blocker.state, ''), extract(epoch FROM clock_timestamp() - blocker.xact_start)::float
FROM pg_stat_activity AS a
CROSS JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS b (pid)
JOIN pg_stat_activity AS blocker ON blocker.pid = b.pid
WHERE a.application_name LIKE %(workers)s AND a.wait_event_type = 'Lock'
ORDER BY 1, 3
"""


def quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def try_lock(at: cursor, schema: str) -> bool:
    """Take a schema for this session without waiting; False when somebody else has it."""
    at.execute(f"SELECT pg_try_advisory_lock({KEY})", (schema,))
    return bool((at.fetchone() or (False,))[0])


def unlock(at: cursor, schema: str) -> None:
    """Give a schema free again."""
    at.execute(f"SELECT pg_advisory_unlock({KEY})", (schema,))


@contextmanager
def held(at: cursor, schema: str) -> Iterator[bool]:
    """Hold a schema while the body runs; yields False when somebody else has it."""
    is_held = try_lock(at, schema)
    try:
        yield is_held
    finally:
        if is_held:
            unlock(at, schema)


def patience(lock_waits: int, ladder: Sequence[float]) -> float:
    """Return how many seconds the next try waits for a table."""
    return ladder[min(lock_waits, len(ladder) - 1)]


def pause(lock_waits: int) -> float:
    """Return how many seconds a schema is left alone after a try in vain; never the same for two."""
    doubled: float = 0.1 * 2**lock_waits
    return min(MAX_PAUSE_SECONDS, doubled) * random.uniform(0.5, 1.5)  # noqa: S311  # no secret


def describe_blockers(at: cursor, schema: str, *, concurrently: bool = False) -> str:
    """Say in one line which sessions are in the way of a schema; empty when nobody is any more."""
    at.execute(BLOCKERS, {"schema": quoted(schema), "concurrently": concurrently})
    return "; ".join(_describe(*row) for row in at.fetchall())


def describe_waiting(at: cursor, application: str) -> list[str]:
    """Say for each worker of a run that waits for a lock which session it waits for."""
    at.execute(WAITING, {"workers": application + "%"})
    return [f"{worker} waits for {_describe(*row)}" for worker, _pid, *row in at.fetchall()]


def _describe(pid: int, user: str, application: str, state: str, seconds: float | None) -> str:
    since = f", its transaction is {seconds:.1f} s old" if seconds is not None else ""
    names = " ".join(filter(None, (user, application and f"({application})")))
    return f"session {pid} of {names}{', ' + state if state else ''}{since}"
