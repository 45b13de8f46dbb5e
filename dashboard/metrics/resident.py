"""The thread that samples all servers every ten seconds over connections that stay open.

It runs in the schedule process, in one of them where there are several. A job would be a new process with new
connections each time, which costs the server more than what is read.
"""

import threading
import time
from contextlib import closing

import structlog
from flask import Flask

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.locks import HeldLock, try_lock
from dashboard.metrics.links import KeptLinks
from dashboard.metrics.probes import FAST, TIERS
from dashboard.metrics.sampling import sample, targets

log = structlog.get_logger()
LOCK = "metrics.sample"
EVERY = TIERS[FAST]


def keep_sampling(app: Flask, stop: threading.Event) -> None:
    """Sample until `stop` is set, through restarts of the servers and of the control database."""
    settings: Settings = app.extensions["steward_settings"]
    with app.app_context():
        while not stop.wait(_seconds_left()):
            try:
                with try_lock(LOCK) as lock:
                    if lock is not None:
                        _sample_on(settings, lock, stop)
            except Exception as error:  # noqa: BLE001  # it must outlive whatever it meets
                log.warning("metrics_not_sampled", error=f"{type(error).__name__}: {error}")
            finally:
                db.session.remove()


def _sample_on(settings: Settings, lock: HeldLock, stop: threading.Event) -> None:
    """Sample for as long as the lock is held."""
    with closing(KeptLinks()) as links:
        is_over = False
        while not is_over and lock.still_held():
            sample(targets(settings), FAST, links.run)
            db.session.commit()
            db.session.remove()
            is_over = stop.wait(_seconds_left())


def _seconds_left() -> float:
    """Return how long it is until the next whole ten seconds."""
    return EVERY - time.time() % EVERY
