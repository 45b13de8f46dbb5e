"""A clocked row a minute in the ERP cluster: what a restore must bring back without a hole."""

from contextlib import closing
from datetime import datetime, timedelta

import psycopg2
from psycopg2.extensions import cursor

from dashboard.backups.drills.evidence import Answer
from dashboard.backups.drills.live import autocommitting

KEEP = timedelta(days=2)
# A dead synchronous standby must not freeze it: the row matters to backups, which have it either way.
WRITE = """
SET synchronous_commit TO local; SET statement_timeout TO '10s'; SET lock_timeout TO '5s';
DELETE FROM public.steward_canary WHERE at < clock_timestamp() - %s;
INSERT INTO public.steward_canary DEFAULT VALUES RETURNING at
"""
READ = "SELECT id, token::text, at FROM public.steward_canary ORDER BY id"
THERE = "SELECT to_regclass('public.steward_canary') IS NOT NULL"
SHOWN = 3


def write_canary(url: str) -> datetime:
    """Write a row and forget old ones; return its time. Raises psycopg2.Error."""
    with closing(autocommitting(url)) as link, link.cursor() as at:
        at.execute(WRITE, (KEEP,))
        row = at.fetchone()
        if row is None:  # pragma: no cover - INSERT … RETURNING always answers
            raise psycopg2.DataError("The clocked row was not written.")
        written: datetime = row[0]
        return written


def check_canary(live: cursor, restored: cursor, until: datetime) -> Answer:
    """Every live row up to a moment was brought back unchanged, and none that was never written."""
    live.execute(THERE)
    if not _first(live):
        return Answer(skipped="The live cluster has no table of clocked rows: migrate it.")
    live.execute(READ)
    written = live.fetchall()
    due = [row for row in written if row[2] <= until]
    if not due:
        return Answer(
            skipped="No clocked row is as old as what was brought back; one is written each minute."
        )
    restored.execute(READ)
    brought = restored.fetchall()
    missing = [row for row in due if row not in brought]
    first = written[0][0]
    strange = [row for row in brought if row[0] >= first and row[2] <= until and row not in written]
    found = {"missing": missing, "never written": strange}
    problems = [f"{len(rows)} {what}: {_times(rows)}" for what, rows in found.items() if rows]
    newest = brought[-1][2] if brought else None
    return Answer(problems, detail=f"{len(due)} rows, the newest of {newest:%H:%M:%S} UTC" if newest else "")


def _times(rows: list[tuple[int, str, datetime]]) -> str:
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(f"{row[2]:%H:%M:%S}" for row in rows[:SHOWN]) + more


def _first(at: cursor) -> object:
    row = at.fetchone()
    return row[0] if row else None
