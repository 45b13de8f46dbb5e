"""Owns how many rows a list has: exact up to a cap, the planner's estimate for a whole large table."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.records.listing import conditions, scope_key
from dashboard.records.spec import Spec
from dashboard.records.state import ListState

CAP = 10_000
FRESH_SECONDS = 30.0
Value = TypeVar("Value")


@dataclass(frozen=True)
class Count:
    """Number of rows; `exact` False means an estimate, `capped` that there are more."""

    rows: int
    exact: bool = True
    capped: bool = False

    def __str__(self) -> str:
        if self.capped:
            return f"more than {self.rows:,}"
        return f"{self.rows:,}" if self.exact else f"about {self.rows:,}"


class Memory(Generic[Value]):
    """A small store of this process whose entries go stale; it only ever saves a query."""

    def __init__(self, size: int, seconds: float) -> None:
        self.size, self.seconds = size, seconds
        self._held: OrderedDict[object, tuple[float, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object) -> Value | None:
        """Return what is held and still fresh."""
        with self._lock:
            found = self._held.get(key)
        return found[1] if found and time.monotonic() - found[0] < self.seconds else None

    def put(self, key: object, value: Value) -> None:
        """Hold a value, dropping the oldest beyond the size."""
        with self._lock:
            self._held[key] = (time.monotonic(), value)
            self._held.move_to_end(key)
            while len(self._held) > self.size:
                self._held.popitem(last=False)


_estimates: Memory[int] = Memory(2000, FRESH_SECONDS)
_counts: Memory[Count] = Memory(2000, FRESH_SECONDS)


def count(session: Session, spec: Spec, state: ListState, *, fresh: bool) -> Count:
    """Count the rows of a list. While paging (`fresh` False) a count of the last seconds will do."""
    if not state.narrowed:
        rows = _estimate(session, spec)
        if rows > CAP:
            return Count(rows, exact=False)
    key = (scope_key(session), spec.entity, tuple(state.selection()))
    known = None if fresh else _counts.get(key)
    if known is None:
        known = _capped(session, spec, state)
        _counts.put(key, known)
    return known


def _capped(session: Session, spec: Spec, state: ListState) -> Count:
    some = (
        sa.select(sa.literal(1))
        .select_from(spec.table)
        .where(*conditions(spec, state))
        .limit(CAP + 1)
        .subquery()
    )
    rows = session.scalar(sa.select(sa.func.count()).select_from(some)) or 0
    return Count(CAP, exact=False, capped=True) if rows > CAP else Count(rows)


def _estimate(session: Session, spec: Spec) -> int:
    """Rows of the table as the planner last saw them; -1 where it was never analysed."""
    key = (scope_key(session), spec.entity)
    known = _estimates.get(key)
    if known is None:
        query = sa.text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)")
        known = int(session.scalar(query, {"name": f'"{spec.entity}"'}) or 0)
        _estimates.put(key, known)
    return known
