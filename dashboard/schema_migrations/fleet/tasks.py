"""Owns the queue of a run: one task per schema, in waves, in the ERP database beside what it changes.

Everything here works on a psycopg2 cursor of the owner login that commits by itself (`queue`), so that
engine, command line and pages use the same functions.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection, cursor
from psycopg2.extras import execute_values

from dashboard.core.errors import DashboardError
from dashboard.schema_migrations.fleet import ledger
from dashboard.schema_migrations.fleet.models import TaskStatus
from dashboard.schema_migrations.fleet.rendering import first_step
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.fleet.waves import SHARES, Candidate, split

SQL = {path.stem: path.read_text() for path in (Path(__file__).parent / "sql").glob("*.sql")}
CONNECT_SECONDS = 10
RECONNECT_EVERY_SECONDS = 0.5


class FleetError(DashboardError):
    """A run cannot do what was asked."""


@dataclass(frozen=True)
class Task:
    """A claimed schema and the number of its next step."""

    schema: str
    wave: int
    step: int
    from_revision: str | None
    attempts: int
    lock_waits: int
    duration_ms: float
    is_locked: bool


@dataclass(frozen=True)
class Gate:
    """Where a run stands: the first wave that is not finished (None: all are), and what is left in it."""

    wave: int | None
    pending: int = 0
    running: int = 0
    failed: int = 0
    # Seconds until the next pending one may be tried.
    wait: float = 0.0


@dataclass(frozen=True)
class Created:
    """The schemas of a new run, and those it leaves out because the plan does not pass their revision."""

    schemas: int
    waves: int
    canary: str
    left_out: tuple[str, ...] = ()


def connect(url: str, application: str = "steward_fleet") -> connection:
    """Open a connection that commits each statement by itself; `url` may carry SQLAlchemy's driver name."""
    link = psycopg2.connect(
        url.replace("postgresql+psycopg2://", "postgresql://", 1),
        application_name=application,
        connect_timeout=CONNECT_SECONDS,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
    link.autocommit = True
    return link


def connect_worker(url: str, application: str) -> connection:
    """Open a connection that can claim tasks and note steps. Its commits wait for no disk: `settle` does."""
    link = connect(url, application)
    with link.cursor() as at:
        at.execute(SQL["session"])
    return link


def settle(at: cursor) -> None:
    """Return when everything that was committed until now outlives a crash of the server."""
    at.execute("SELECT pg_logical_emit_message(true, 'steward', 'fleet')")


@contextmanager
def queue(url: str, patience: float = 0.0) -> Iterator[cursor]:
    """Yield a cursor for the functions below; a server that is away is waited for so many seconds."""
    with closing(_wait_for(url, patience)) as link, link.cursor() as at:
        yield at


def _wait_for(url: str, seconds: float) -> connection:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return connect(url)
        except psycopg2.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(RECONNECT_EVERY_SECONDS)


def create(
    at: cursor,
    run_id: int,
    steps: Sequence[Step],
    *,
    start: str | None,
    canary: str = "",
    shares: Sequence[float] = SHARES,
    schemas: Collection[str] = (),
) -> Created:
    """Write the tasks of a run: every schema of the ledger (or of `schemas`) that has steps to do.

    `start` is the revision before the first step (rendering.start_of), `canary` a schema (else the smallest
    tenant goes first). Repeating it adds what is missing. Raises FleetError for an unknown canary.
    """
    ledger.reconcile(at)
    at.execute(SQL["candidates"], {"all": not schemas, "schemas": list(schemas)})
    found = [Candidate(*row) for row in at.fetchall()]
    first = {one.schema: first_step(steps, start, one.revision) for one in found}
    chosen = [one for one in found if first[one.schema] not in (None, len(steps))]
    if canary and canary not in {one.schema for one in chosen}:
        raise FleetError(f"{canary} has nothing to do in this plan.", fix="Choose another canary.")
    waves = split(chosen, canary=canary, shares=shares)
    rows = [
        (run_id, one.schema, wave, first[one.schema], one.revision)
        for wave, members in enumerate(waves)
        for one in members
    ]
    at.execute("BEGIN")  # all of them or none: a run that has tasks is taken as complete
    execute_values(at, SQL["insert_tasks"], rows, page_size=1000)
    at.execute("COMMIT")
    left_out = tuple(one.schema for one in found if first[one.schema] is None)
    return Created(len(rows), len(waves), waves[0][0].schema if waves else "", left_out)


def claim(at: cursor, run_id: int, wave: int, worker: str) -> Task | None:
    """Take the next task of a wave with the lock of its schema, giving the former one's lock free.

    `is_locked` is False when somebody else works in the schema: requeue it.
    """
    at.execute("SELECT * FROM pg_temp.fleet_claim(%s, %s, %s)", (run_id, wave, worker))
    row = at.fetchone()
    return Task(*row) if row else None


def requeue(at: cursor, run_id: int, schema: str, *, seconds: float, reason: str, waited: bool) -> None:
    """Put a task back for later; `waited` counts a try that ran into a lock."""
    at.execute(
        SQL["requeue"],
        {"run": run_id, "schema": schema, "seconds": seconds, "reason": reason, "waits": int(waited)},
    )


def fail(at: cursor, run_id: int, schema: str, reason: str) -> None:
    """Note that a task failed and why; its run halts."""
    _end(at, run_id, schema, TaskStatus.FAILED, reason)


def leave_out(at: cursor, run_id: int, schema: str, reason: str) -> None:
    """Note that a claimed task needs nothing any more."""
    _end(at, run_id, schema, TaskStatus.SKIPPED, reason)


def _end(at: cursor, run_id: int, schema: str, status: TaskStatus, reason: str) -> None:
    at.execute(SQL["end"], {"run": run_id, "schema": schema, "status": status.value, "reason": reason})


def retry(at: cursor, run_id: int, schemas: Collection[str] = ()) -> int:
    """Let failed tasks (all, or those of `schemas`) be tried again from their step; returns how many."""
    at.execute(SQL["retry"], {"run": run_id, "all": not schemas, "schemas": list(schemas)})
    return at.rowcount


def skip(at: cursor, run_id: int, schema: str, reason: str) -> None:
    """Leave a schema out of a run, where it stands. Raises FleetError when it is done or being worked on."""
    if not reason.strip():
        raise FleetError("Say why the schema is left out.", fix="Write a reason.")
    at.execute(SQL["skip"], {"run": run_id, "schema": schema, "reason": reason.strip()})
    if not at.rowcount:
        raise FleetError(
            f"{schema} is not waiting and has not failed in this run.", fix="Look at the run again."
        )


def close(at: cursor, run_id: int) -> int:
    """End what waits in a cancelled run that nobody works on; returns how many. Others ask what is open."""
    recover(at, run_id)
    at.execute(SQL["close"], {"run": run_id, "reason": "The run was cancelled."})
    return at.rowcount


def gate(at: cursor, run_id: int) -> Gate:
    """Return the wave a run is in: the next one opens when each task of it is done or skipped."""
    at.execute(SQL["gate"], {"run": run_id})
    row = at.fetchone()
    return Gate(*row) if row else Gate(None)


def recover(at: cursor, run_id: int) -> int:
    """Put back running tasks whose schema nobody has locked: their worker is dead. Returns how many."""
    at.execute(SQL["recover"], {"run": run_id})
    return at.rowcount


def follow_rename(at: cursor, old: str, new: str) -> int:
    """Let tasks of a schema that was renamed go on under its new name; call it in the same transaction."""
    at.execute(SQL["rename"], {"old": old, "new": new})
    return at.rowcount


def count(at: cursor, run_id: int) -> dict[str, int]:
    """Return how many tasks of a run there are by status; all statuses are named."""
    at.execute("SELECT status, count(*) FROM public.fleet_task WHERE run_id = %s GROUP BY 1", (run_id,))
    return {status.value: 0 for status in TaskStatus} | {str(status): number for status, number in at}


def failures(at: cursor, run_id: int) -> list[tuple[str, str]]:
    """Return the failed schemas of a run with their reasons."""
    at.execute(
        "SELECT schema_name, error FROM public.fleet_task WHERE run_id = %s AND status = 'failed'"
        " ORDER BY finished_at, schema_name",
        (run_id,),
    )
    return [(str(schema), str(error)) for schema, error in at.fetchall()]
