"""Writes the evidence of a failover while it happens: its row, its steps, how it ended.

Every write is a short control transaction of its own: what was measured stays, whatever becomes of the work.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm.attributes import set_committed_value

from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.jobs.store import control_transaction, persist

RUNNING, DONE, FAILED, SKIPPED = "running", "done", "failed", "skipped"
Say = Callable[[str], None]


def open_run(kind: Kind, *, actor: str, run_id: UUID | None, reason: str = "", **known: Any) -> Rehearsal:
    """Write the row of a failover that begins; `known` are other columns."""
    row = Rehearsal(
        kind=kind,
        actor=actor,
        run_id=run_id,
        reason=reason,
        status=Status.RUNNING,
        steps=[],
        report={},
        **known,
    )
    with control_transaction() as session:
        session.add(row)
        session.flush()
        session.refresh(row)
        session.expunge(row)
    return row


def save(row: Rehearsal, **values: Any) -> None:
    """Write some columns at once."""

    def write() -> None:
        with control_transaction() as session:
            session.execute(update(Rehearsal).where(Rehearsal.id == row.id).values(**values))

    persist(write)
    for name, value in values.items():
        set_committed_value(row, name, value)


def note(row: Rehearsal, **facts: Any) -> None:
    """Add to the report."""
    save(row, report={**row.report, **facts})


def close(row: Rehearsal, status: Status, error: str = "") -> None:
    """Say how it ended; steps that still ran ended with it."""
    left = [{**step, "state": FAILED} if step["state"] == RUNNING else step for step in row.steps]
    ended = max(datetime.now(UTC), row.started_at)
    save(row, status=status, error=error.strip(), finished_at=ended, steps=left)


@dataclass
class Step:
    """One step; `text` says what it found, in a sentence."""

    name: str
    began_at: str
    seconds: float = 0.0
    text: str = ""
    state: str = RUNNING


class Journal:
    """Notes the steps of one failover, each as it begins and as it ends."""

    def __init__(self, row: Rehearsal, say: Say) -> None:
        self.row = row
        self.say = say
        self._steps: list[Step] = []

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[Step]:
        """Time a step; what is written into its `text` replaces what it began with. An error fails it."""
        step = Step(name, datetime.now(UTC).isoformat(), text=text)
        self._steps.append(step)
        self._write()
        self.say(text)
        begun = time.monotonic()
        try:
            yield step
        except BaseException:
            step.state = FAILED
            raise
        else:
            step.state = DONE if step.state == RUNNING else step.state
        finally:
            step.seconds = round(time.monotonic() - begun, 3)
            self._write()
        if step.text != text:
            self.say(f"{step.text} ({step.seconds:.2f} s)")

    def _write(self) -> None:
        save(self.row, steps=[asdict(step) for step in self._steps])
