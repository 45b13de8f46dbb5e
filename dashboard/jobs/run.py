"""Owns what a job sees of its own run: progress, log, cancelling and steps that happen at most once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Table, update
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.jobs.lines import write_line
from dashboard.jobs.models import JobRun, JobStep, RunStatus, SharedStep
from dashboard.jobs.store import control_transaction, persist

WRITE_EVERY_SECONDS = 0.5


class RunStoppedError(BaseException):
    """The run has to end now. No Exception, so that a broad handler inside a job cannot swallow it."""


class RunCancelledError(RunStoppedError):
    """Somebody asked for the run to be cancelled."""


class RunInterruptedError(RunStoppedError):
    """The worker stops or the run lost its lock; a resumable run is taken up again."""


class RunTakenOverError(RunStoppedError):
    """This attempt was given up for dead and another one has the run: write nothing any more."""


@dataclass(frozen=True)
class Step:
    """Whether a step's body has to run: `if step.is_new: …`. False when an earlier attempt did it."""

    key: str
    is_new: bool


class Run:
    """One attempt at a run, as its function sees it."""

    def __init__(self, row: JobRun) -> None:
        self.id = row.id
        self.job: str = row.job
        self.actor: str = row.actor
        self.tenant: str | None = row.tenant
        self.attempt: int = row.attempt
        self.stop_with: type[RunStoppedError] | None = None
        self._written_at = 0.0

    def check_cancelled(self) -> None:
        """Leave the job by an exception when it was cancelled, taken over or its worker stops."""
        if self.stop_with:
            raise self.stop_with

    def log(self, text: str) -> None:
        """Add a line that people see live. Passwords in addresses are blanked."""
        self.check_cancelled()
        persist(lambda: write_line(self.id, text))

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Show how far it is. Written at most twice a second, the last step always.

        After the last step nobody is asked whether to stop: what was done is done, and the run has to say so.
        """
        if done < total:
            self.check_cancelled()
        now = time.monotonic()
        if done >= total or now - self._written_at >= WRITE_EVERY_SECONDS:
            self._written_at = now
            persist(lambda: self._write_progress(done, total, text))

    def _write_progress(self, done: int, total: int, text: str) -> None:
        shown = (
            update(JobRun)
            .where(JobRun.id == self.id, JobRun.attempt == self.attempt, JobRun.status == RunStatus.RUNNING)
            .values(progress_done=max(done, 0), progress_total=max(total, 0), progress_text=text)
        )
        with control_transaction() as session:
            session.execute(shown)

    @contextmanager
    def step(
        self, key: str, *, store: Literal["erp", "control", ""] = "", external: bool = False
    ) -> Iterator[Step]:
        """Open a step that happens at most once, however often the run is tried: `if step.is_new: …`.

        The body works on `db.session`; its marker is written in the same transaction and the step commits
        both at its end: in the ERP for a run of a tenant (`store="erp"`), else in the control database.
        An attempt that runs beside a dead-looking one waits on the marker, then finds the step done.
        `external=True` commits the marker first, for effects outside both databases (a mail, an engine).
        """
        self.check_cancelled()
        try:
            is_new = self._mark(key, store or ("erp" if self.tenant else "control"))
            if external or not is_new:
                db.session.commit()
            yield Step(key, is_new)
            db.session.commit()
        except BaseException:
            db.session.rollback()
            raise

    def _mark(self, key: str, store: str) -> bool:
        """Insert the marker; False when it is there. Roles may only insert, so nothing is read back."""
        table: Any = SharedStep.__table__ if store == "erp" else JobStep.__table__
        assert isinstance(table, Table)  # noqa: S101  # for the type checker
        marker = insert(table).values(run_id=self.id, step=key).on_conflict_do_nothing()
        return bool(db.session.execute(marker.inline()).rowcount)  # type: ignore[attr-defined]
