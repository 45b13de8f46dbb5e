"""Does one step in one schema: the change, the version, the ledger and the task's counter commit together."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Never

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import cursor

from dashboard.schema_migrations.fleet import indexes
from dashboard.schema_migrations.fleet.by_alembic import Runner
from dashboard.schema_migrations.fleet.locking import quoted
from dashboard.schema_migrations.fleet.rendering import BASE
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.fleet.tasks import Task

VERSION_TABLE = (
    "CREATE TABLE IF NOT EXISTS {schema}.alembic_version"
    " (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)"
)
NOTE = """SELECT pg_temp.fleet_note(
    %(run)s, %(schema)s, %(step)s, %(before)s, %(after)s, %(moves)s, %(is_last)s, %(actor)s, %(milliseconds)s
)"""
# What the function raises (sql/session.sql) when something is not as a step expects it.
UNEXPECTED = "SF001"
RESET = ("RESET search_path", "RESET lock_timeout", "RESET statement_timeout")
# Seconds that a statement may always wait for a lock.
LEAST_PATIENCE = 0.1


class StepError(Exception):
    """A step found the schema, its version or its task other than expected; nothing of it is left."""


class SchemaGoneError(Exception):
    """There is no such schema any more."""


@dataclass(frozen=True)
class Limits:
    """How long one try may wait for locks and how long a statement may run, in seconds."""

    lock: float
    statement: float


@dataclass(frozen=True)
class Move:
    """Where a step is done, from where to where it leads, and for whom it is noted."""

    run_id: int
    task: Task
    step: Step
    before: str | None
    is_last: bool
    actor: str
    begun: float = field(default_factory=time.perf_counter)

    @property
    def schema(self) -> str:
        """The schema."""
        return self.task.schema

    @property
    def milliseconds(self) -> float:
        """How long it has taken so far."""
        return (time.perf_counter() - self.begun) * 1000

    @property
    def after(self) -> str | None:
        """The revision afterwards, None before the first."""
        if self.step.reaches is None:
            return self.before
        return None if self.step.reaches == BASE else self.step.reaches


def version_before(task: Task, steps: Sequence[Step], number: int) -> str | None:
    """Return the revision a schema stands at before a step."""
    reached = [step.reaches for step in steps[:number] if step.reaches]
    found = reached[-1] if reached else task.from_revision
    return None if found == BASE else found


def in_transaction(at: cursor, move: Move, limits: Limits, by_alembic: Runner) -> None:
    """Do a step in one transaction. Nothing of it is left when this raises."""
    schema = quoted(move.schema)
    path = f"SET LOCAL search_path TO {schema}, public"
    lines = ["BEGIN", *_limits("SET LOCAL", limits), path, _demanding(move.schema)]
    if move.before is None:
        lines.append(VERSION_TABLE.format(schema=schema))
    try:
        if len(move.step.statements) == 1:  # by far the most: all of it in one round trip
            _note(at, move, [*lines, move.step.statements[0]], ["COMMIT"])
        else:
            at.execute("\n;".join([*lines, *move.step.statements[:1]]))
            _go_on(at, move, limits)
            if move.step.by_alembic:
                by_alembic(at.connection, move.schema, move.step)
            _note(at, move, after=["COMMIT"])
    except errors.InvalidSchemaName as error:
        at.execute("ROLLBACK")
        _demand_gone(at, move.schema, error)
    except BaseException:
        if not at.connection.closed:
            at.execute("ROLLBACK")
        raise


def _go_on(at: cursor, move: Move, limits: Limits) -> None:
    """Do the further statements of a step; together they may wait hardly longer than one alone.

    What the first ones have locked is held meanwhile, and whoever reads there waits as long.
    """
    for statement in move.step.statements[1:]:
        left = max(limits.lock - move.milliseconds / 1000, LEAST_PATIENCE)
        at.execute(f"SET LOCAL lock_timeout TO {_milliseconds(left)}\n;{statement}")


def alone(at: cursor, move: Move, limits: Limits) -> None:
    """Do a step that PostgreSQL refuses inside a transaction; may be repeated after a death half-way."""
    path = f"SET search_path TO {quoted(move.schema)}, public"
    try:
        at.execute("; ".join([*_limits("SET", limits), path, _demanding(move.schema)]))
        indexes.apply(at, move.schema, move.step.statements[0])
        _note(at, move, RESET)
    except errors.InvalidSchemaName as error:
        _reset(at)
        _demand_gone(at, move.schema, error)
    except BaseException:
        _reset(at)
        raise


def _demand_gone(at: cursor, schema: str, error: psycopg2.Error) -> Never:
    """Raise SchemaGoneError if there is no such schema; else a statement missed another: its own error."""
    at.execute("SELECT to_regnamespace(%s) IS NULL", (quoted(schema),))
    if (at.fetchone() or (False,))[0]:
        raise SchemaGoneError(schema) from error
    raise error


def _reset(at: cursor) -> None:
    if not at.connection.closed:
        at.execute("; ".join(RESET))


def clear_away(at: cursor, move: Move) -> None:
    """Drop the invalid index that a failed try left, if it can be had at once: it slows writing down."""
    wanted = indexes.parse(move.step.statements[0]) if move.step.statements else None
    if wanted is None or not wanted.creates:
        return
    found = indexes.find(at, move.schema, wanted.name)
    if found is None or found.is_valid:
        return
    at.execute("SET lock_timeout TO '1s'")
    try:
        indexes.drop(at, move.schema, wanted.name)
    except errors.LockNotAvailable:
        return  # the next try replaces it
    finally:
        at.execute("RESET lock_timeout")


def _note(at: cursor, move: Move, before: Sequence[str] = (), after: Sequence[str] = ()) -> None:
    """Write version, ledger, history and the task's counter between other statements, in one message.

    Raises StepError unless each was as expected.
    """
    values = {
        "run": move.run_id,
        "schema": move.schema,
        "step": move.step.number,
        "before": move.before,
        "after": move.after,
        "moves": move.step.reaches is not None,
        "is_last": move.is_last,
        "actor": move.actor,
        "milliseconds": move.milliseconds,
    }
    books = at.mogrify(NOTE, values).decode()
    try:
        at.execute("\n;".join([*before, books, *after]))
    except psycopg2.errors.UndefinedTable as error:
        if "alembic_version" not in str(error):
            raise
        raise StepError(f"{move.schema} has no version table") from error
    except psycopg2.Error as error:
        if error.pgcode != UNEXPECTED:
            raise
        raise StepError(error.diag.message_primary) from error


def _limits(scope: str, limits: Limits) -> list[str]:
    """Return both limits as statements; zero would mean for ever and is never sent."""
    wanted = {"lock_timeout": limits.lock, "statement_timeout": limits.statement}
    return [f"{scope} {name} TO {_milliseconds(seconds)}" for name, seconds in wanted.items()]


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


def _demanding(schema: str) -> str:
    """Return what fails without the schema: its path would lead to `public`."""
    literal = quoted(schema).replace("'", "''")
    return f"SELECT '{literal}'::regnamespace"
