"""Owns the thresholds of queries: what is slow, what is slower than it used to be. Pure."""

from dataclasses import dataclass

SLOW_MEAN_MS, SLOW_CALLS = 20, 100
TIMES_SLOWER = 3
WHY_SLOW = (
    "A query is slow when its mean is 20 ms or more in 100 calls or more: below, people do not feel it, and a"
    " query that runs rarely is not what fills the server."
)


@dataclass(frozen=True)
class Slower:
    """A query that is slow now and was not, or did not exist; means in milliseconds."""

    fingerprint: str
    text: str
    calls: int
    mean_ms: float
    usual_ms: float | None


def is_slow(calls: int, total_ms: float) -> bool:
    """Whether a query is slow and frequent enough to care."""
    return calls >= SLOW_CALLS and total_ms / calls >= SLOW_MEAN_MS


def is_slower(mean_ms: float, usual_ms: float | None, times: float = TIMES_SLOWER) -> bool:
    """Whether a slow query got slower than usual; one without a past is new, and counts."""
    return usual_ms is None or mean_ms >= times * usual_ms
