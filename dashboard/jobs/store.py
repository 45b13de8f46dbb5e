"""Owns how a run's row is written: in short control transactions of its own, repeated through outages."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from dashboard.core.db import db

Result = TypeVar("Result")
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0


@contextmanager
def control_transaction() -> Iterator[Session]:
    """Open a transaction of its own in the control database, committed at the end of the block.

    A run's rows must stay whatever becomes of the work's own transaction, so they never share `db.session`.
    """
    with Session(db.engines["control"], expire_on_commit=False) as session, session.begin():
        yield session


def persist(write: Callable[[], Result], *, patience: float = PATIENCE_SECONDS) -> Result:
    """Write, and again while the control database restarts, for up to `patience` seconds.

    `write` must be harmless to repeat: a commit whose answer was lost is sent twice.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)
