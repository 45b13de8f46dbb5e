"""Owns the heartbeat of a running attempt: it says "alive" and hears "stop"."""

import os
import signal
import threading
from types import FrameType
from typing import Self

import structlog
from flask import Flask
from sqlalchemy import func, update
from sqlalchemy.exc import SQLAlchemyError

from dashboard.jobs.locks import HeldLock
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.run import (
    Run,
    RunCancelledError,
    RunInterruptedError,
    RunStoppedError,
    RunTakenOverError,
)
from dashboard.jobs.store import control_transaction

log = structlog.get_logger()
INTERRUPT = signal.SIGUSR1


class Heartbeat:
    """Beats in a thread for the length of the block; interrupts the main thread when the run has to end.

    First the run's own checks (progress, log, step) leave the job; one beat later a signal interrupts
    whatever it waits for. A worker that shuts down sends the same signal.
    """

    def __init__(self, app: Flask, run: Run, lock: HeldLock | None, seconds: float) -> None:
        self._app = app
        self._run = run
        self._lock = lock
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._in_main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._in_main:
            self._previous = signal.signal(INTERRUPT, self._interrupt)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._in_main:
            signal.signal(INTERRUPT, signal.SIG_IGN)
        self._over.set()
        self._thread.join()
        if self._in_main:
            signal.signal(INTERRUPT, self._previous)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._run.stop_with = self._run.stop_with or RunInterruptedError
        raise self._run.stop_with

    def _beat(self) -> None:
        with self._app.app_context():
            is_signalled = False
            while not self._over.wait(self._seconds):
                reason = self._reason_to_stop()
                if self._run.stop_with and self._in_main and not is_signalled:
                    is_signalled = True
                    os.kill(os.getpid(), INTERRUPT)
                self._run.stop_with = self._run.stop_with or reason

    def _reason_to_stop(self) -> type[RunStoppedError] | None:
        """Beat once. With the database away nothing is known, and the work goes on."""
        try:
            cancelled = self._touch()
            if cancelled is None:
                return RunTakenOverError
            if self._lock and not self._lock.still_held():
                return RunInterruptedError
        except SQLAlchemyError as error:
            log.warning("heartbeat_failed", run=str(self._run.id), error=str(error))
            return None
        return RunCancelledError if cancelled else None

    def _touch(self) -> bool | None:
        """Return whether cancelling was asked for; None when the run is no longer this attempt's."""
        alive = (
            update(JobRun)
            .where(
                JobRun.id == self._run.id,
                JobRun.attempt == self._run.attempt,
                JobRun.status == RunStatus.RUNNING,
            )
            .values(heartbeat_at=func.clock_timestamp())
            .returning(JobRun.cancel_requested)
        )
        with control_transaction() as session:
            return session.scalar(alive)
