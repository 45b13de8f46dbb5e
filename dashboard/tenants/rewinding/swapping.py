"""Puts another schema into the place of a tenant's live one, in one short transaction, and back.

Every table of the live schema is locked first: no transaction of the tenant may begin in one state and end in
the other. Who waits for a lock looks its name up again afterwards, and finds the new table.
"""

import random
import time
from dataclasses import dataclass

from psycopg2 import errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from dashboard.core.errors import ConflictError
from dashboard.tenancy.scope import quote
from dashboard.tenants.rewinding import references, sealing
from dashboard.tenants.rewinding.loading import EXISTS, TABLES, head_of, transaction
from dashboard.tenants.rewinding.tools import Tick

# Seconds; below deadlock_timeout, so that it is always we who give way.
LADDER = (0.05, 0.1, 0.2, 0.4, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8)
PAUSE_SECONDS = 0.3
STATEMENT_SECONDS = 10
NAMESPACES = "SELECT nspname FROM pg_namespace WHERE nspname IN (:live, :incoming, :outgoing)"


@dataclass(frozen=True)
class Exchange:
    """The names of one swap: `incoming` becomes `live`, which becomes `outgoing`. `role` is the tenant's."""

    live: str
    incoming: str
    outgoing: str
    role: str


@dataclass(frozen=True)
class Swapped:
    """How long the tenant was held up, in ms, at which attempt, and how many openings were put off."""

    ms: float
    attempt: int
    put_off: int


def swap(engine: Engine, exchange: Exchange, tick: Tick) -> Swapped:
    """Swap by the owner login. Raises ConflictError when it must not be or the tenant is too busy."""
    for attempt, seconds in enumerate(LADDER, 1):
        tick()
        try:
            return _attempt(engine, exchange, attempt, seconds)
        except DBAPIError as error:
            if not isinstance(error.orig, errors.LockNotAvailable | errors.DeadlockDetected):
                raise
        time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  # only to be out of step
    raise ConflictError(
        "The tenant's tables were in use all the time; nothing was swapped.",
        fix="Look under Health for its long transactions, then try again, or suspend the tenant meanwhile.",
    )


def _attempt(engine: Engine, exchange: Exchange, attempt: int, seconds: float) -> Swapped:
    with transaction(engine) as connection:
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout TO '{round(seconds * 1000)}ms';"
            f" SET LOCAL statement_timeout TO '{STATEMENT_SECONDS}s'"
        )
        _check(connection, exchange)
        found = references.read(connection, exchange.live)
        if found.obstacles:
            raise ConflictError(
                f"These would go on with the old tables: {', '.join(found.obstacles)}. Nothing was swapped.",
                fix="Drop them (or bring single tables back instead), swap, then make them anew.",
            )
        tables = list(connection.scalars(text(TABLES), {"schema": exchange.live}))
        sealing.become_sealer(connection)
        put_off = sealing.count_openings(connection, exchange.incoming, of=exchange.live)
        sealing_on = ""
        if put_off is not None:
            sealing_on = f" {sealing.putting_off(connection, exchange.incoming, of=exchange.live)};"
        # One round trip: the tenant waits from the lock to the commit.
        lock = f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE;"
        statements = f"{lock}{sealing_on} {_renaming(connection, exchange)}"
        begun = time.monotonic()
        connection.exec_driver_sql(statements)
        references.bind_anew(connection, found, exchange.live, exchange.outgoing)
    return Swapped((time.monotonic() - begun) * 1000, attempt, put_off or 0)


def _check(connection: Connection, exchange: Exchange) -> None:
    """The schemas are as expected and at one migration head: a migration may have come in between."""
    names = {"live": exchange.live, "incoming": exchange.incoming, "outgoing": exchange.outgoing}
    there = set(connection.scalars(text(NAMESPACES), names))
    if there != {exchange.live, exchange.incoming}:
        raise ConflictError(
            f"Expected {exchange.live} and {exchange.incoming}, found {', '.join(sorted(there))}.",
            fix="Somebody renamed or dropped one; look at the tenant's schemas.",
        )
    heads = [
        head_of(connection, f"{quote(connection, schema)}.alembic_version")
        for schema in (exchange.live, exchange.incoming)
    ]
    if heads[0] != heads[1]:
        raise ConflictError(
            f"The tenant is at migration {heads[0]}, the other state at {heads[1]}: it was migrated since.",
            fix="Bring rows back one by one by hand, or rewind to a time after the migration.",
        )


def _renaming(connection: Connection, exchange: Exchange) -> str:
    """The tenant's role sees the live schema only, whichever that is."""
    live, incoming, outgoing, role = (
        quote(connection, name)
        for name in (exchange.live, exchange.incoming, exchange.outgoing, exchange.role)
    )
    return (
        f"ALTER SCHEMA {live} RENAME TO {outgoing}; ALTER SCHEMA {incoming} RENAME TO {live};"
        f" GRANT USAGE ON SCHEMA {live} TO {role}; REVOKE ALL ON SCHEMA {outgoing} FROM {role};"
        f" {sealing.BACK}"
    )


def drop(engine: Engine, schema: str) -> None:
    """Drop a schema that stands beside, in its own transaction. Raises ConflictError when it is in use."""
    try:
        with transaction(engine) as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout TO '5s'")
            if not connection.scalar(text(EXISTS), {"schema": schema}):
                return
            found = references.read(connection, schema)
            used = [*found.obstacles, *(f"view {view.name}" for view in found.views)]
            if used:
                raise ConflictError(f"{schema} is still used by {', '.join(used)}.", fix="Drop those first.")
            connection.exec_driver_sql(f"DROP SCHEMA {quote(connection, schema)} CASCADE")
    except DBAPIError as error:
        if isinstance(error.orig, errors.LockNotAvailable):
            raise ConflictError(f"{schema} is being read at this moment.", fix="Try again.") from error
        raise


def end_sessions(engine: Engine, application: str) -> int:
    """End what a killed load left running: sessions of our own login under its name."""
    with transaction(engine) as connection:
        ended = connection.scalars(
            text(
                "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
                " WHERE application_name = :name AND usename = current_user"
            ),
            {"name": application},
        )
        return sum(ended)


def existing(engine: Engine, names: set[str]) -> set[str]:
    """Which of these schemas there are."""
    with transaction(engine) as connection:
        found = connection.scalars(
            text("SELECT nspname FROM pg_namespace WHERE nspname = ANY(:names)"), {"names": sorted(names)}
        )
        return set(found)
