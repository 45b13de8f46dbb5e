"""Owns the time zone in which days are read: the viewer's, or in a job that of who asked for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import tzinfo

from dashboard.core.filters import viewer_zone, zone

_given: ContextVar[tzinfo | None] = ContextVar("records_zone", default=None)


def reading_zone() -> tzinfo:
    """The zone a day such as 2026-03-31 begins and ends in."""
    return _given.get() or viewer_zone()


@contextmanager
def read_in(name: str) -> Iterator[None]:
    """Read days in the zone with this IANA name meanwhile."""
    token = _given.set(zone(name))
    try:
        yield
    finally:
        _given.reset(token)
