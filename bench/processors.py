"""Lets what answers one request share one processor, so that a figure is of the work and not of waking up.

A lone request goes back and forth between Python and PostgreSQL. On two virtual processors each of them falls
asleep while the other works, and how long its host takes to wake it is counted: the same request takes up to
twice as long, and another time than the last. On one there is nobody to wake, and half the machine idles.

What others do on the same core of the host halves its pace for moments or minutes, and nothing here can help
that. A loop that always does the same is timed beside each figure: two runs compare by it.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.stage import Stage, execute
from dashboard.core.db import db

RELOAD = "SELECT pg_reload_conf()"
STEPS = 50_000
END_VACUUM = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
)


@contextmanager
def one_processor(stage: Stage) -> Iterator[None]:
    """Keep this process, its children and the sessions they begin with the server on one processor.

    Within an application context. Autovacuum waits meanwhile: two virtual processors may well be one core.
    Does nothing where the system binds no process to a processor.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    execute(stage.database, "ALTER SYSTEM SET autovacuum TO off", RELOAD, END_VACUUM)
    _bind(stage, {min(every)})
    try:
        yield
    finally:
        _bind(stage, every)
        execute(stage.database, "ALTER SYSTEM RESET autovacuum", RELOAD)


def pace() -> float:
    """Return the milliseconds that a loop of always the same steps takes now."""
    begun, found = time.perf_counter(), 0
    for step in range(STEPS):
        found += step * step % 7
    return 1000 * (time.perf_counter() - begun)


def _bind(stage: Stage, processors: set[int]) -> None:
    db.session.remove()
    for process in (0, stage.postmaster):
        os.sched_setaffinity(process, processors)
    for engine in db.engines.values():
        engine.dispose()  # a session stays where the server was when it began
