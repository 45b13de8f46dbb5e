"""Does one batch of a data change: rows and progress in one transaction. No Flask, no queue, no session."""

import time
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection, cursor

from dashboard.schema_migrations.backfills.declared import DataChange

APPLICATION = "steward_backfill"
STATEMENT_MS = 60_000
FIRST_KEY = -(2**63)

PROGRESS = """
SELECT last_key FROM public.backfill_progress
WHERE name = %(name)s AND schema_name = %(schema)s AND status <> 'done' FOR UPDATE
"""
MOVED = """
UPDATE public.backfill_progress
SET last_key = %(upto)s, rows_done = rows_done + %(rows)s, status = 'running', error = '',
    updated_at = clock_timestamp()
WHERE name = %(name)s AND schema_name = %(schema)s
"""
SETTLED = """
UPDATE public.backfill_progress SET status = %(status)s, error = %(error)s, updated_at = clock_timestamp()
WHERE name = %(name)s AND schema_name = %(schema)s
"""


@dataclass(frozen=True)
class Who:
    """Who started it and the run of the job: what row history names."""

    actor: str
    request_id: str


@dataclass(frozen=True)
class Batch:
    """A batch done: how many rows it went through (0: the change is done in this schema), in seconds."""

    rows: int
    seconds: float


def do_batch(
    link: connection, change: DataChange, schema: str, *, size: int, lock_ms: int, who: Who
) -> Batch:
    """Do the next batch of a schema and commit it with its progress. Raises psycopg2.Error, undone.

    The row of progress is locked first: a second runner waits, then goes on behind the first.
    """
    started = time.monotonic()
    bound = {"name": change.name, "schema": schema}
    with link, link.cursor() as at:
        enter(at, schema, lock_ms=lock_ms, who=who)
        at.execute(PROGRESS, bound)
        found = at.fetchone()
        if found is None:
            return Batch(0, time.monotonic() - started)
        after = FIRST_KEY if found[0] is None else found[0]
        upto, rows = _next(at, change, after, size)
        if rows:
            at.execute(change.statement, {"after": after, "upto": upto})
            at.execute(MOVED, bound | {"upto": upto, "rows": rows})
        else:
            at.execute(SETTLED, bound | {"status": "done", "error": ""})
    return Batch(rows, time.monotonic() - started)


def enter(at: cursor, schema: str, *, lock_ms: int, who: Who) -> None:
    """Choose the schema and the limits, for this transaction only."""
    path = sql.SQL("SET LOCAL search_path TO {}, public, pg_temp").format(sql.Identifier(schema))
    at.execute(path)
    at.execute(
        "SET LOCAL lock_timeout = %s; SET LOCAL statement_timeout = %s;"
        " SET LOCAL steward.actor = %s; SET LOCAL steward.request_id = %s",
        (lock_ms, STATEMENT_MS, who.actor, who.request_id),
    )


def _next(at: cursor, change: DataChange, after: int, size: int) -> tuple[int, int]:
    """The last key of the next `size` rows that need it, and how many there are."""
    query = (
        "SELECT max(k), count(*) FROM ("
        "SELECT {key} AS k FROM {table} WHERE {key} > %s{only} ORDER BY {key} LIMIT %s) AS batch"
    )
    at.execute(_filled(query, change), (after, size))
    upto, rows = at.fetchone() or (None, 0)
    return upto, rows


def count_rows(at: cursor, change: DataChange) -> int:
    """Count the rows that need the change, from the beginning."""
    at.execute(_filled("SELECT count(*) FROM {table} WHERE {key} IS NOT NULL{only}", change), ())
    row = at.fetchone()
    return int(row[0]) if row else 0


def _filled(query: str, change: DataChange) -> sql.Composed:
    only = sql.SQL(f" AND ({change.only.replace('%', '%%')})" if change.only else "")
    return sql.SQL(query).format(
        key=sql.Identifier(change.key), table=sql.Identifier(change.table), only=only
    )
