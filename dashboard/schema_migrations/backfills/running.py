"""Runs a data change over all tenants, batch by batch, so that nobody feels it. No Flask, no session."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import psycopg2
from psycopg2.extensions import connection

from dashboard.health.connection import libpq_url, one_line
from dashboard.schema_migrations.backfills.batches import (
    APPLICATION,
    SETTLED,
    Who,
    count_rows,
    do_batch,
    enter,
)
from dashboard.schema_migrations.backfills.declared import DataChange

TARGET_SECONDS = 0.25  # how long a batch may hold its rows
SMALLEST = 20
PAUSE_SECONDS = 0.5  # at most; a batch is followed by a pause as long as itself
LOCK_MS, LONGEST_LOCK_MS = 100, 5_000
LOCK_TRIES = 8
FAILURES = 3  # the same statement failed in as many tenants: it is the statement
HELD_UP = (
    psycopg2.errors.LockNotAvailable,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.QueryCanceled,
    psycopg2.errors.SerializationFailure,
)

ENLIST = """
INSERT INTO public.backfill_progress (name, schema_name)
SELECT %(name)s, schema_name FROM public.schema_head WHERE kind = 'tenant'
ON CONFLICT DO NOTHING
"""
FORGET = """
DELETE FROM public.backfill_progress AS p WHERE p.name = %(name)s
    AND NOT EXISTS (SELECT FROM public.schema_head AS h WHERE h.schema_name = p.schema_name)
"""
START_OVER = """
UPDATE public.backfill_progress
SET status = 'pending', last_key = NULL, rows_done = 0, rows_total = NULL, error = '',
    updated_at = clock_timestamp()
WHERE name = %(name)s AND schema_name = %(schema)s
"""
OPEN = """
SELECT p.schema_name, coalesce(h.revision, ''), p.rows_done, p.rows_total
FROM public.backfill_progress AS p JOIN public.schema_head AS h USING (schema_name)
WHERE p.name = %(name)s AND p.status <> 'done' ORDER BY p.schema_name
"""
COUNTED = """
UPDATE public.backfill_progress SET rows_total = %(rows)s WHERE name = %(name)s AND schema_name = %(schema)s
"""


class Follower(Protocol):
    """Who is told how it goes. `check_cancelled` leaves by an exception when the run has to end."""

    def check_cancelled(self) -> None:
        """Leave when the run has to end."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Show how far it is, in rows."""

    def log(self, text: str) -> None:
        """Add a line."""


@dataclass(frozen=True)
class Target:
    """A tenant's schema that is not done."""

    schema: str
    revision: str
    rows_done: int
    rows_total: int | None


@dataclass
class Outcome:
    """How a run ended: schemas done, failed, behind the revision it needs, and rows gone through."""

    done: int = 0
    rows: int = 0
    failed: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


@dataclass
class Runner:
    """One run of a data change; `late` names a standby that has to be waited for ('' for none)."""

    link: connection
    change: DataChange
    who: Who
    follower: Follower
    late: Callable[[], str]
    size: int = 0
    rows: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.size = self.change.batch

    def run(self, reached: frozenset[str]) -> Outcome:
        """Work through all tenants at one of the revisions `reached`; those held up have a second turn."""
        outcome = Outcome()
        targets = self._targets(reached, outcome)
        for turn in (1, 2):
            held_up = [target for target in targets if not self._turn(target, outcome)]
            if not held_up or turn == 2:  # the second and last
                break
            targets = held_up
        outcome.failed += [target.schema for target in held_up]
        outcome.rows = self.rows
        return outcome

    def _targets(self, reached: frozenset[str], outcome: Outcome) -> list[Target]:
        """Enlist new tenants, note those that have to be migrated first, and count the rows of the others."""
        bound = {"name": self.change.name}
        with self.link, self.link.cursor() as at:
            at.execute(FORGET, bound)
            at.execute(ENLIST, bound)
            at.execute(OPEN, bound)
            found = [Target(*row) for row in at.fetchall()]
        ready = [target for target in found if target.revision in reached]
        for target in found:
            if target not in ready:
                outcome.behind.append(target.schema)
                at_now = target.revision or "no revision"
                self._settle(
                    target.schema, "pending", f"It stands at {at_now}, needed is {self.change.needs}."
                )
        for target in ready:
            self.follower.check_cancelled()
            rows = target.rows_total if target.rows_total is not None else self._count(target.schema)
            self.rows += target.rows_done
            self.total += max(rows, target.rows_done)
        return ready

    def _count(self, schema: str) -> int:
        """Count what is to be done, once; 0 where counting itself fails: the batches will say why."""
        try:
            with self.link, self.link.cursor() as at:
                enter(at, schema, lock_ms=LONGEST_LOCK_MS, who=self.who)
                rows = count_rows(at, self.change)
                at.execute(COUNTED, {"rows": rows, "name": self.change.name, "schema": schema})
                return rows
        except psycopg2.Error as error:
            if self.link.closed:
                raise
            self.follower.log(f"{schema}: the rows could not be counted: {one_line(error)}")
            return 0

    def _turn(self, target: Target, outcome: Outcome) -> bool:
        """Do all batches of a schema. False when locks held it up too often; the next turn tries again."""
        schema = target.schema
        try:
            with self._left_pending(schema):
                is_settled = self._batches(schema)
        except psycopg2.Error as error:
            if self.link.closed:
                raise
            self._settle(schema, "failed", one_line(error))
            self.follower.log(f"{schema}: {one_line(error)}")
            outcome.failed.append(schema)
            if len(outcome.failed) >= FAILURES:
                raise
            return True
        outcome.done += is_settled
        return is_settled

    def _batches(self, schema: str) -> bool:
        tries, lock_ms = 0, LOCK_MS
        while tries < LOCK_TRIES:
            self._wait_for_standbys(schema)
            try:
                batch = do_batch(
                    self.link, self.change, schema, size=self.size, lock_ms=lock_ms, who=self.who
                )
            except HELD_UP as error:
                tries, lock_ms = tries + 1, min(lock_ms * 2, LONGEST_LOCK_MS)
                self.size = max(self.size // 2, SMALLEST)
                self.follower.progress(self.rows, self.total, f"{schema}: {one_line(error)}; trying again")
                time.sleep(min(0.05 * 2**tries, 2))
                continue
            if not batch.rows:
                return True
            tries, lock_ms = 0, LOCK_MS
            self._after(schema, batch.rows, batch.seconds)
        message = f"Locks held it up {LOCK_TRIES} times in a row."
        self._settle(schema, "failed", message)
        self.follower.log(f"{schema}: {message}")
        return False

    def _after(self, schema: str, rows: int, seconds: float) -> None:
        """Tell how far it is, choose the next size, and leave room for others."""
        self.rows += rows
        self.total = max(self.total, self.rows)
        self.follower.progress(self.rows, self.total, f"{schema}: {self.rows:,} of {self.total:,} rows")
        if seconds > TARGET_SECONDS:
            self.size = max(self.size // 2, SMALLEST)
        elif seconds < TARGET_SECONDS / 2:
            self.size = min(self.size * 2, self.change.batch)
        time.sleep(min(seconds, PAUSE_SECONDS))

    def _wait_for_standbys(self, schema: str) -> None:
        self.follower.check_cancelled()
        while late := self.late():
            self.follower.progress(self.rows, self.total, f"{schema}: waiting, {late}")
            self.follower.check_cancelled()
            time.sleep(PAUSE_SECONDS)

    def _settle(self, schema: str, status: str, error: str) -> None:
        bound = {"status": status, "error": error, "name": self.change.name, "schema": schema}
        with self.link, self.link.cursor() as at:
            at.execute(SETTLED, bound)

    @contextmanager
    def _left_pending(self, schema: str) -> Iterator[None]:
        """A run that is stopped leaves its tenant to be resumed."""
        try:
            yield
        except Exception:
            raise
        except BaseException:
            if not self.link.closed:
                self._settle(schema, "pending", "Stopped; it goes on where it is.")
            raise


def run_change(
    url: str,
    change: DataChange,
    reached: frozenset[str],
    *,
    who: Who,
    follower: Follower,
    late: Callable[[], str] = str,
    start_over: Sequence[str] = (),
) -> Outcome:
    """Run a data change as the owner at `url`. Raises psycopg2.Error when the server or the statement fails.

    Whatever ends it, each batch is done whole and once; the next run goes on behind the last.
    """
    link = psycopg2.connect(libpq_url(url), application_name=APPLICATION, connect_timeout=5)
    with closing(link):
        for schema in start_over:
            with link, link.cursor() as at:
                at.execute(START_OVER, {"name": change.name, "schema": schema})
        return Runner(link, change, who, follower, late).run(reached)
