"""The evidence of a change while it is made: its row, its steps, and what is so when it breaks off."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from rq.timeouts import JobTimeoutException
from sqlalchemy import select

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, NotFoundError
from dashboard.failover import service
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.failover.service import Journal
from dashboard.failover.switching.changing import Change, ChangeError
from dashboard.failover.switching.control import ControlError
from dashboard.failover.switching.looking import View
from dashboard.jobs.run import Run, RunStoppedError
from dashboard.replication import service as replication
from dashboard.replication.synchronous import steering

# What ends a change without being a fault of the program.
EXPECTED = (ChangeError, ControlError, psycopg2.Error, DashboardError)


def begin(run: Run, kind: Kind, source: str, target: str, reason: str) -> tuple[Rehearsal, Journal]:
    """Open the evidence; the lines of the run tell the same."""
    row = service.open_run(
        kind, actor=run.actor, run_id=run.id, reason=reason, from_server=source, to_server=target
    )
    return row, Journal(row, unstoppable(run))


def unstoppable(run: Run) -> Callable[[str], None]:
    """Return a way to tell that goes on when the run is cancelled: half a change helps nobody."""

    def say(text: str) -> None:
        try:
            run.log(text)
        except RunStoppedError:
            return

    return say


@dataclass
class Spoken:
    """A step that is only told."""

    text: str
    state: str = "running"


class Telling:
    """Steps of what is no change and has no row: the lines of the run alone tell them."""

    def __init__(self, run: Run) -> None:
        self.say = unstoppable(run)

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[Spoken]:
        """Say how it begins and how it ends."""
        del name
        step = Spoken(text)
        self.say(text)
        yield step
        self.say(step.text)


@contextmanager
def told(settings: Settings, row: Rehearsal, change: Change) -> Iterator[None]:
    """Whatever breaks a change off is told in its evidence, with what each server is then."""
    try:
        yield
    except BaseException as error:
        now = standing_of(change.look())
        service.close(row, Status.FAILED, f"{_words(error)} Now: {now}")
        refresh(settings)
        if not isinstance(error, EXPECTED):
            raise


def _words(error: BaseException) -> str:
    if isinstance(error, JobTimeoutException):
        return "It took longer than its limit."
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def refresh(settings: Settings) -> None:
    """Read the servers for the pages, which would show the old primary for ten more seconds.

    What follows from it follows now: a time without a second copy ends when one confirms again.
    """
    replication.refresh(settings)
    steering.follow(settings)
    db.session.commit()


def standing_of(view: View) -> str:
    """Say what each server is now, for people."""
    words = []
    for name, seen in view.members.items():
        if seen.server is None:
            words.append(f"{name} does not answer")
        elif seen.takes_writes:
            words.append(f"{name} takes writes (timeline {seen.server.timeline})")
        else:
            words.append(f"{name} is a standby (timeline {seen.server.timeline})")
    return "; ".join(words) + "."


def check_target(settings: Settings, target: str) -> None:
    """Raise NotFoundError for a server nobody expects, ConflictError where the first primary has no name."""
    if settings.primary is None:
        raise ConflictError(
            "Steward does not know the primary by name.", fix="Set DATABASE_PRIMARY (docs/production.md)."
        )
    if target not in {member.name for member in settings.members}:
        raise NotFoundError(f"There is no server called {target}.")


def find_unfinished(target: str, but: int | None = None) -> Rehearsal | None:
    """Return the switchover before this one when it was to the same server and came to no end."""
    query = select(Rehearsal).where(Rehearsal.kind == Kind.SWITCHOVER, Rehearsal.id.is_distinct_from(but))
    row = db.session.scalar(query.order_by(Rehearsal.id.desc()).limit(1))
    return row if row is not None and row.status != Status.DONE and row.to_server == target else None
