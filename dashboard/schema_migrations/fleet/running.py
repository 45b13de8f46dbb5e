"""Engine: runs a plan's steps over all schemas of a run with a few threads, each on its own connection.

Everything a run knows is in its tasks, so that it can be killed at any moment and gone on with by anybody. It
stops at the first failure. Hooks are called in the caller's thread only.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import psycopg2
from alembic.script import ScriptDirectory
from psycopg2.extensions import connection

from dashboard.schema_migrations.fleet import locking, tasks
from dashboard.schema_migrations.fleet.by_alembic import runner
from dashboard.schema_migrations.fleet.locking import CONCURRENT_LADDER, LADDER
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.fleet.working import APPLICATION, Shared, Worker
from dashboard.schema_migrations.histories import History

TICK_SECONDS = 0.02
# Hooks cost a look into another database.
LOOK_SECONDS = 0.25
MAX_WORKERS = 4


class Outcome(StrEnum):
    """How a run ended; all but `done` can be gone on with."""

    DONE = "done"
    HALTED = "halted"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Options:
    """How a run goes about it; times in seconds."""

    workers: int = 2
    actor: str = "system"
    lock_timeouts: Sequence[float] = LADDER
    concurrent_timeouts: Sequence[float] = CONCURRENT_LADDER
    # Tries that ran into a lock before a schema counts as failed.
    max_lock_waits: int = 15
    statement_timeout: float = 600.0
    concurrent_statement_timeout: float = 6 * 3600.0
    # A backend remembers every table it ever touched.
    recycle_after: int = 100
    reconnect_seconds: float = 60.0
    # Where revisions that could not be rendered are found; the product's own if none.
    scripts: ScriptDirectory | None = None


@dataclass(frozen=True)
class Progress:
    """How far a run is. `waiting` says which worker waits for which session."""

    wave: int | None
    counts: dict[str, int]
    waiting: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All schemas."""
        return sum(self.counts.values())

    @property
    def finished(self) -> int:
        """Schemas that are done or left out."""
        return self.counts["done"] + self.counts["skipped"]


class Hooks(Protocol):
    """What a run asks and tells whoever started it, always in the thread that called run_fleet."""

    def stop_reason(self) -> str:
        """Return why it is to pause before the next schema; empty to go on. May raise to the same effect."""

    def progress(self, progress: Progress) -> None:
        """Take how far it is, a few times a second."""

    def log(self, text: str) -> None:
        """Take a line for people."""


class Quiet:
    """Hooks that never stop and say nothing."""

    def stop_reason(self) -> str:
        """Go on."""
        return ""

    def progress(self, progress: Progress) -> None:
        """Keep it."""

    def log(self, text: str) -> None:
        """Keep it."""


@dataclass(frozen=True)
class Result:
    """How a run ended and why; `failures` are schemas with their reasons."""

    outcome: Outcome
    reason: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    failures: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0


def run_fleet(
    url: str,
    run_id: int,
    steps: Sequence[Step],
    options: Options | None = None,
    hooks: Hooks | None = None,
) -> Result:
    """Work through the tasks of a run until all are done, one fails, or a hook stops it.

    Goes on where an earlier call stopped or died. Several processes may call it for one run at the same time.
    Raises psycopg2.Error when the server cannot be reached at the start or is lost for longer than
    `reconnect_seconds`; whatever a hook raises.
    """
    options, hooks = options or Options(), hooks or Quiet()
    begun = time.perf_counter()
    scripts = options.scripts or ScriptDirectory(History.TENANT.directory)
    shared = Shared(url, run_id, tuple(steps), options, runner(scripts))
    with tasks.queue(url) as at:
        if recovered := tasks.recover(at, run_id):
            hooks.log(f"going on with {recovered} schemas that a dead process was at work in")
    workers = [Worker(shared, number) for number in range(max(1, min(options.workers, MAX_WORKERS)))]
    watcher = _Watcher(shared, hooks)
    try:
        for worker in workers:
            worker.start()
        watcher.watch(workers)
    finally:
        shared.stop("the process that runs it ends")
        for worker in workers:
            worker.join()
        watcher.close()
    watcher.tell_lines()
    with tasks.queue(url, options.reconnect_seconds) as at:
        tasks.settle(at)
        return _result(shared, at, time.perf_counter() - begun, hooks)


class _Watcher:
    """Lets hooks see and stop a run while its workers are at it, on a connection of its own."""

    def __init__(self, shared: Shared, hooks: Hooks) -> None:
        self.shared = shared
        self.hooks = hooks
        self.link: connection | None = None

    def watch(self, workers: Sequence[Worker]) -> None:
        """Return when all workers have ended."""
        looked_at = float("-inf")
        while alive := [worker for worker in workers if worker.is_alive()]:
            self.tell_lines()
            if time.monotonic() - looked_at >= LOOK_SECONDS:
                looked_at = time.monotonic()
                self.look()
            alive[0].join(TICK_SECONDS)

    def tell_lines(self) -> None:
        """Hand on what workers said."""
        for line in self.shared.take_lines():
            self.hooks.log(line)

    def look(self) -> None:
        """Ask whether to stop and tell how far it is; a task that failed elsewhere stops the run here too."""
        if reason := self.hooks.stop_reason():
            self.shared.stop(reason)
        try:
            progress = self._read()
        except psycopg2.OperationalError:
            self.close()  # the workers notice by themselves
            return
        if progress.counts["failed"]:
            self.shared.stop("a schema failed")
        self.hooks.progress(progress)

    def _read(self) -> Progress:
        self.link = self.link or tasks.connect(self.shared.url, f"{APPLICATION}_watcher")
        with self.link.cursor() as at:
            waiting = locking.describe_waiting(at, f"{self.shared.application}_")
            counts = tasks.count(at, self.shared.run_id)
            return Progress(tasks.gate(at, self.shared.run_id).wave, counts, tuple(waiting))

    def close(self) -> None:
        """Forget the connection."""
        if self.link is not None:
            self.link.close()
        self.link = None


def _result(shared: Shared, at: psycopg2.extensions.cursor, seconds: float, hooks: Hooks) -> Result:
    counts, failures = tasks.count(at, shared.run_id), tuple(tasks.failures(at, shared.run_id))
    hooks.progress(Progress(tasks.gate(at, shared.run_id).wave, counts))
    if failures:
        reason = "; ".join(f"{schema}: {error}" for schema, error in failures[:3])
        return Result(Outcome.HALTED, reason, counts, failures, seconds)
    if counts["pending"] or counts["running"]:
        outcome = Outcome.HALTED if shared.broken else Outcome.STOPPED
        return Result(outcome, shared.broken or shared.reason, counts, (), seconds)
    return Result(Outcome.DONE, "", counts, (), seconds)
