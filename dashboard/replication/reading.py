"""Reads for reports and exports from a standby that is well, so that they cost the primary nothing.

Which one, the stored readings say. Whatever speaks against it (none is well, it does not answer, it was
promoted, it has not caught up) leads to the primary; a page says where its figures were read.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg2
from flask import after_this_request, has_request_context
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard.core.config import Settings, get_settings
from dashboard.core.db import db
from dashboard.health.models import Reading
from dashboard.replication.judging import STREAMING
from dashboard.replication.service import EVERY_SECONDS, READING
from dashboard.replication.standby_sessions import NotUsableError, open_session
from dashboard.settings.queries import value
from dashboard.settings.registry import Definition, declare
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import bind_session, bound_tenant

FROM, MOST_SECONDS = "reading.from", "reading.most_seconds"
declare(
    Definition(
        FROM,
        "Reports and exports",
        "Read them from",
        "standby",
        kind="choice",
        choices=("standby", "primary"),
        text="A standby is used while it is well and close enough to the primary, else the primary.",
    ),
    Definition(
        MOST_SECONDS,
        "Reports and exports",
        "How far behind that standby may be",
        5,
        kind="length",
        least=1,
        most=300,
        text="Exports wait until the standby has all that was written before they were asked for.",
    ),
)
T = TypeVar("T")
PLACE = "place"
PAGE_SECONDS, EXPORT_SECONDS = 15, 1800  # what one statement on a standby may take
OLD_SECONDS = 3.0 * EVERY_SECONDS  # a reading older than three intervals says nothing of now
REST_SECONDS = 30.0  # a standby that refused a session is not asked again for so long
REMEMBERED_SECONDS = 5.0
IDLE_BYTES = 65_536  # within that an idle standby counts as holding all
HEADER = "X-Read-From"


@dataclass(frozen=True)
class Place:
    """Where something is read: a standby by name and how far behind it was, or the primary (no name)."""

    name: str = ""
    seconds: float | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """For a page: `read from az-b, 0.2 s behind`."""
        if not self.name:
            return f"read from the primary: {self.reason}" if self.reason else "read from the primary"
        behind = "up to date" if self.seconds is None else f"{self.seconds:.1f} s behind"
        return f"read from {self.name}, {behind}"


PRIMARY = Place()


def choose(data: Mapping[str, Any], age_seconds: float | None, most_seconds: float) -> Place:
    """Return the best standby of a reading of replication, or the primary with the reason. Pure."""
    if age_seconds is None or age_seconds > OLD_SECONDS:
        return Place(reason="replication has not been read for a while")
    rows = [row for row in data.get("standbys", []) if _is_well(row)]
    if not rows:
        return Place(reason="no standby is healthy")
    near = [row for row in rows if _behind(row) <= most_seconds]
    if not near:
        return Place(reason=f"no standby is within {most_seconds:g} s")
    home = data.get("region", "")
    best = min(near, key=lambda row: (row["region"] != home, _behind(row), row["name"]))
    return Place(best["name"], best["replay_seconds"])


def _is_well(row: Mapping[str, Any]) -> bool:
    return bool(row["state"] == STREAMING and row["level"] == "ok" and row["answers"])


def _behind(row: Mapping[str, Any]) -> float:
    """Seconds behind; an idle standby has none to tell, and then its bytes must be few."""
    if row["replay_seconds"] is not None:
        return float(row["replay_seconds"])
    is_level = row["replay_bytes"] is not None and row["replay_bytes"] <= IDLE_BYTES
    return 0.0 if is_level else float("inf")


@dataclass
class _Memory:
    """What this process knows for some seconds."""

    place: Place = PRIMARY
    read_at: float = float("-inf")


_memory = _Memory()
_resting: dict[str, tuple[float, str]] = {}


def forget() -> None:
    """Choose anew next time."""
    _memory.read_at = float("-inf")
    _resting.clear()


def current_place(settings: Settings | None = None) -> Place:
    """Where reports are read now, by the stored readings and settings, at most some seconds old."""
    settings = settings or get_settings()
    if not settings.standbys:
        return PRIMARY
    if time.monotonic() - _memory.read_at > REMEMBERED_SECONDS:
        _memory.place, _memory.read_at = _choose_now(), time.monotonic()
    place = _memory.place
    until, reason = _resting.get(place.name, (0.0, ""))
    return Place(reason=reason) if time.monotonic() < until else place


def _choose_now() -> Place:
    if value(FROM) == "primary":
        return Place(reason="so it is set")
    with db.session.session_factory() as control:  # its own session: the request's belongs to one tenant
        reading = control.get(Reading, READING)
        if reading is None or reading.taken_at is None:
            return Place(reason="replication was never read")
        age = (datetime.now(UTC) - reading.taken_at).total_seconds()
        return choose(reading.data, age, value(MOST_SECONDS))


@contextmanager
def reading_session(
    tenant: TenantRef, *, fresh: bool = False, seconds: int = PAGE_SECONDS
) -> Iterator[Session]:
    """A read-only session of a tenant on a healthy standby, else a session on the primary.

    `place_of(session)` says which. `fresh`: everything committed until now is to be seen, so the standby has
    to catch up first. A statement on a standby may take `seconds`. In a request that is bound to the tenant
    the primary is read through the request's own session.
    """
    place, session = _open(tenant, fresh=fresh, seconds=seconds)
    if session is not None:
        with session:
            session.info[PLACE] = place
            yield session
        return
    with _on_primary(tenant) as session:
        session.info[PLACE] = place
        yield session


def ask(tenant: TenantRef, work: Callable[[Session], T]) -> tuple[T, Place]:
    """Do some reading through `reading_session`, and where it was done.

    Where a standby cancels it (a conflict with recovery, too slow, lost) it is done again on the primary.
    """
    with reading_session(tenant) as session:
        place = place_of(session)
        try:
            return work(session), place
        except DBAPIError:
            if not place.name:
                raise
    with _on_primary(tenant) as session:
        return work(session), Place(reason=f"{place.name} did not finish")


def place_of(session: Session) -> Place:
    """Where a session reads."""
    place: Place = session.info.get(PLACE, PRIMARY)
    return place


def _open(tenant: TenantRef, *, fresh: bool, seconds: int) -> tuple[Place, Session | None]:
    """A session on the standby of choice; none, and why, where it cannot be had."""
    settings = get_settings()
    place = current_place(settings)
    if not place.name:
        return place, None
    try:
        until = _written() if fresh else None
        member = next(member for member in settings.members if member.name == place.name)
        return place, open_session(settings, member, tenant, until=until, seconds=seconds)
    except (NotUsableError, SQLAlchemyError, StopIteration) as error:
        reason = f"{place.name} {error}" if isinstance(error, NotUsableError) else f"{place.name} refuses"
        _resting[place.name] = (time.monotonic() + REST_SECONDS, reason)
        return Place(reason=reason), None


def _written() -> str:
    """How far the primary has written its WAL: all that is committed lies before it."""
    with db.session.session_factory() as session:
        return str(session.scalar(text("SELECT pg_current_wal_lsn()")))


@contextmanager
def _on_primary(tenant: TenantRef) -> Iterator[Session]:
    own = db.session()
    if own.info.get("tenant") == tenant:
        yield own
        return
    with db.session.session_factory() as session:
        bind_session(session, tenant, actor="reading", request_id="")
        yield session


@contextmanager
def for_export(session: Session) -> Iterator[Session | None]:
    """A session for an export of the tenant that `session` belongs to; None where it is the primary's turn.

    The answer's header says where the rows came from.
    """
    place, found = _open(bound_tenant(session), fresh=True, seconds=EXPORT_SECONDS)
    told = [place]
    if has_request_context() and get_settings().standbys:
        after_this_request(lambda answer: _name_place(answer, told[-1]))
    if found is None:
        yield None
        return
    with found:
        try:
            yield found
        except psycopg2.Error:
            told.append(Place(reason=f"{place.name} did not finish"))
            raise


def _name_place(answer: Any, place: Place) -> Any:
    if isinstance(answer, Response):
        answer.headers[HEADER] = place.words
    return answer
