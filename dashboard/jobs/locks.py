"""Owns the locks of jobs: one writer per resource, each held by its own control connection."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError

from dashboard.core.db import db

KEY = "hashtextextended('steward.job:' || :name, 0)"
TRY = text(f"SELECT pg_try_advisory_lock({KEY})")
RELEASE = text(f"SELECT pg_advisory_unlock({KEY})")
# Free, or free again at the end of this very statement: it only asks.
PROBE = text(f"SELECT pg_try_advisory_xact_lock({KEY})")


class HeldLock:
    """An advisory lock of the session of one connection; it ends with the process, however that ends."""

    def __init__(self, name: str, connection: Connection) -> None:
        self.name = name
        self._connection = connection

    def still_held(self) -> bool:
        """Ask the server; take the lock anew after a restart. False when another run was quicker."""
        try:
            self._connection.execute(text("SELECT 1"))
        except (OperationalError, InterfaceError):
            self._drop()
            self._connection = _connect()
            return _try(self._connection, self.name)
        return True

    def release(self) -> None:
        """Give it back; a connection that is gone has given it back already."""
        try:
            self._connection.execute(RELEASE, {"name": self.name})
        except (OperationalError, InterfaceError):
            self._drop()
        else:
            self._connection.close()

    def _drop(self) -> None:
        with suppress(OperationalError, InterfaceError):
            self._connection.invalidate()
            self._connection.close()


@contextmanager
def try_lock(name: str) -> Iterator[HeldLock | None]:
    """Hold a lock for the block; None when somebody else has it."""
    connection = _connect()
    if not _try(connection, name):
        connection.close()
        yield None
        return
    lock = HeldLock(name, connection)
    try:
        yield lock
    finally:
        lock.release()


def is_free(name: str) -> bool:
    """Whether nobody holds the lock at this moment."""
    with db.engines["control"].connect() as connection:
        free: bool = connection.execute(PROBE, {"name": name}).scalar_one()
        connection.rollback()
    return free


def _connect() -> Connection:
    return db.engines["control"].connect().execution_options(isolation_level="AUTOCOMMIT")


def _try(connection: Connection, name: str) -> bool:
    obtained: bool = connection.execute(TRY, {"name": name}).scalar_one()
    return obtained
