"""Owns the locks of a creation: beside other creations, never beside a migration of the shared tables.

Nobody waits inside a statement: that holds a snapshot, on which CREATE INDEX CONCURRENTLY would wait.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from dashboard.core.db import db
from dashboard.schema_migrations.service import LOCK_KEY, MigrationError

PATIENCE_SECONDS, PAUSE_SECONDS = 10.0, 0.02
BEGIN = (
    "SET LOCAL search_path TO ''; SET LOCAL lock_timeout TO '5s';"
    f" SELECT pg_try_advisory_xact_lock_shared({LOCK_KEY})"
)
# Until the end of the transaction; the same lock that a fleet run holds.
TRY_SCHEMA = "pg_try_advisory_xact_lock(hashtextextended({}, 7310002))"
AGAIN = f"SELECT pg_try_advisory_xact_lock_shared({LOCK_KEY})"


@contextmanager
def creating() -> Iterator[Connection]:
    """One transaction of the owner with an empty search_path, in which schemas are made.

    Any number goes on at a time. A migration that has the database to itself lasts moments, so it is waited
    for; MigrationError after 10 seconds.
    """
    with db.engines["owner"].begin() as connection:
        is_held = connection.exec_driver_sql(BEGIN).scalar()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_held:
            if time.monotonic() > deadline:
                raise MigrationError(
                    "A migration is running.", fix="Wait until it has finished, then try again."
                )
            time.sleep(PAUSE_SECONDS)
            is_held = connection.exec_driver_sql(AGAIN).scalar()
        yield connection


def try_schema(connection: Connection, schema: str) -> bool:
    """Take a schema until the end of the transaction; False while a fleet run or somebody else has it."""
    return bool(connection.scalar(text(f"SELECT {TRY_SCHEMA.format(':schema')}"), {"schema": schema}))
