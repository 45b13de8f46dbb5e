"""One worker of a run: claims schemas, does their steps, and judges what went wrong."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection, cursor

from dashboard.core.errors import DashboardError
from dashboard.schema_migrations.fleet import locking, stepping, tasks
from dashboard.schema_migrations.fleet.by_alembic import Runner
from dashboard.schema_migrations.fleet.indexes import IndexTakenError
from dashboard.schema_migrations.fleet.stepping import Limits, Move, SchemaGoneError, StepError
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.fleet.tasks import Task

APPLICATION = "steward_fleet"
# A schema in the hands of somebody else is asked for again after this.
TAKEN_SECONDS = 1.0
IDLE_SECONDS = 0.02
LOCKED = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)


class Settings(Protocol):
    """What a worker needs of running.Options."""

    @property
    def actor(self) -> str:
        """Who is noted as having moved the schemas."""

    @property
    def lock_timeouts(self) -> Sequence[float]:
        """Seconds each try waits for a table."""

    @property
    def concurrent_timeouts(self) -> Sequence[float]:
        """Seconds each try waits for old transactions."""

    @property
    def max_lock_waits(self) -> int:
        """Tries in vain before a schema counts as failed."""

    @property
    def statement_timeout(self) -> float:
        """Seconds a statement may run."""

    @property
    def concurrent_statement_timeout(self) -> float:
        """Seconds a statement outside of a transaction may run."""

    @property
    def recycle_after(self) -> int:
        """Schemas a connection serves."""

    @property
    def reconnect_seconds(self) -> float:
        """Seconds a lost server is waited for."""


class ConnectionLostError(Exception):
    """The server went away and did not come back in time."""


@dataclass
class Shared:
    """What the workers of one process have in common."""

    url: str
    run_id: int
    steps: tuple[Step, ...]
    options: Settings
    by_alembic: Runner
    reason: str = ""
    # Why the run cannot go on in this process, apart from failed tasks.
    broken: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)
    lines: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def application(self) -> str:
        """What sessions of this run call themselves."""
        return f"{APPLICATION}_{self.run_id}"

    def stop(self, reason: str) -> None:
        """Let no worker begin another schema; the first reason counts."""
        with self.guard:
            self.reason = self.reason or reason
        self.stopping.set()

    def say(self, line: str) -> None:
        """Keep a line for the hooks."""
        with self.guard:
            self.lines.append(line)

    def take_lines(self) -> list[str]:
        """Return the lines since the last call."""
        with self.guard:
            taken, self.lines = self.lines, []
        return taken


class Worker(threading.Thread):
    """Works until nothing is left to do, something failed, or it is told to stop."""

    def __init__(self, shared: Shared, number: int) -> None:
        super().__init__(name=f"{shared.application}_{number}", daemon=True)
        self.shared = shared
        self.wave = 0
        self.served = 0
        self.link: connection | None = None

    def run(self) -> None:
        """Take one schema after the other."""
        try:
            while not self.shared.stopping.is_set() and self._next():
                pass
        except ConnectionLostError as error:
            self._break(str(error))
        except Exception as error:  # noqa: BLE001  # told by the run, which halts
            self._break(f"{type(error).__name__}: {_first_line(error)}")
        finally:
            self._disconnect()

    def _break(self, reason: str) -> None:
        self.shared.broken = self.shared.broken or reason
        self.shared.stop(reason)

    def _next(self) -> bool:
        """Do one task or wait a little; False when the run is at its end."""
        try:
            with self._connected().cursor() as at:
                task = tasks.claim(at, self.shared.run_id, self.wave, self.name)
                if task is None:
                    return self._wait_or_advance(at)
                self._serve(at, task)
        except psycopg2.Error:
            if self.link is not None and not self.link.closed:
                raise
            self._reconnect()
        return True

    def _wait_or_advance(self, at: cursor) -> bool:
        """Go on with the next wave once this one is finished; False at the end or after a failure."""
        gate = tasks.gate(at, self.shared.run_id)
        if gate.failed:
            self.shared.stop("a schema failed")
        if gate.wave is None or gate.failed:
            return False
        if gate.wave == self.wave:
            if gate.running:  # perhaps of a process that died, whose sessions end one by one
                tasks.recover(at, self.shared.run_id)
            self.shared.stopping.wait(min(max(gate.wait, IDLE_SECONDS), 0.1))
        self.wave = gate.wave
        return True

    def _serve(self, at: cursor, task: Task) -> None:
        """Do what is left to do in a schema and judge what came of it."""
        self.served += 1
        if not task.is_locked:
            tasks.requeue(
                at,
                self.shared.run_id,
                task.schema,
                seconds=TAKEN_SECONDS,
                reason="somebody else is at work in this schema",
                waited=False,
            )
            return
        concurrently = False
        try:
            for step in self.shared.steps[task.step :]:
                concurrently = not step.transactional
                self._do(at, task, step)
        except LOCKED as error:
            self._give_way(at, task, error, concurrently=concurrently)
        except SchemaGoneError:
            tasks.leave_out(at, self.shared.run_id, task.schema, "there is no such schema any more")
        except (psycopg2.Error, StepError, IndexTakenError, DashboardError) as error:
            self._fail(at, task, _first_line(error))
        except Exception as error:  # noqa: BLE001  # a revision run by Alembic may raise anything
            self._fail(at, task, f"{type(error).__name__}: {_first_line(error)}")

    def _do(self, at: cursor, task: Task, step: Step) -> None:
        move = self._move(task, step)
        options = self.shared.options
        if step.transactional:
            seconds = locking.patience(task.lock_waits, options.lock_timeouts)
            limits = Limits(seconds, options.statement_timeout)
            stepping.in_transaction(at, move, limits, self.shared.by_alembic)
        else:
            seconds = locking.patience(task.lock_waits, options.concurrent_timeouts)
            stepping.alone(at, move, Limits(seconds, options.concurrent_statement_timeout))

    def _move(self, task: Task, step: Step) -> Move:
        steps = self.shared.steps
        before = stepping.version_before(task, steps, step.number)
        is_last = step.number == len(steps) - 1
        return Move(self.shared.run_id, task, step, before, is_last, self.shared.options.actor)

    def _give_way(self, at: cursor, task: Task, error: psycopg2.Error, *, concurrently: bool) -> None:
        """Let a locked schema rest while others go on; a failure once it was tried often enough."""
        who = locking.describe_blockers(at, task.schema, concurrently=concurrently)
        reason = f"{_first_line(error)}; in the way: {who}" if who else _first_line(error)
        if task.lock_waits + 1 >= self.shared.options.max_lock_waits:
            self._fail(at, task, f"still locked after {task.lock_waits + 1} tries: {reason}")
            return
        seconds = locking.pause(task.lock_waits)
        tasks.requeue(at, self.shared.run_id, task.schema, seconds=seconds, reason=reason, waited=True)
        self.shared.say(f"{task.schema}: {reason}; again in {seconds:.1f} s")

    def _fail(self, at: cursor, task: Task, reason: str) -> None:
        if at.connection.closed:
            raise psycopg2.OperationalError(reason)
        self.shared.stop(f"{task.schema} failed")
        self.shared.say(f"{task.schema} failed: {reason}")
        with suppress(psycopg2.Error):
            self._clear_away(at, task)
        tasks.fail(at, self.shared.run_id, task.schema, reason)

    def _clear_away(self, at: cursor, task: Task) -> None:
        at.execute(
            "SELECT step FROM public.fleet_task WHERE run_id = %s AND schema_name = %s",
            (self.shared.run_id, task.schema),
        )
        number = (at.fetchone() or (0,))[0]
        if number < len(self.shared.steps) and not self.shared.steps[number].transactional:
            stepping.clear_away(at, self._move(task, self.shared.steps[number]))

    def _connected(self) -> connection:
        """Return the connection, a new one after so many schemas."""
        if self.link is not None and self.served >= self.shared.options.recycle_after:
            self._disconnect()
        if self.link is None:
            self.link = tasks.connect_worker(self.shared.url, self.name)
            self.served = 0
        return self.link

    def _disconnect(self) -> None:
        if self.link is not None:
            with suppress(psycopg2.Error):
                self.link.close()
        self.link = None

    def _reconnect(self) -> None:
        """Wait for the server and put back what this worker left behind. Raises ConnectionLostError."""
        self.shared.say(f"{self.name} lost its connection and connects again")
        deadline = time.monotonic() + self.shared.options.reconnect_seconds
        while True:
            self._disconnect()
            try:
                with self._connected().cursor() as at:
                    tasks.recover(at, self.shared.run_id)
            except psycopg2.OperationalError as error:
                if time.monotonic() > deadline or self.shared.stopping.is_set():
                    raise ConnectionLostError(f"the connection is lost: {_first_line(error)}") from error
                self.shared.stopping.wait(tasks.RECONNECT_EVERY_SECONDS)
            else:
                return


def _first_line(error: BaseException) -> str:
    """Return what an error says in one line, without the values PostgreSQL quotes below."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
