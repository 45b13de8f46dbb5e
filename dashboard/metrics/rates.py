"""Turns counters into rates between two rounds, and says nothing where nothing can be known. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.metrics.probes import Counter, Round

LATE = 5  # after so many missed rounds a mean rate would hide what happened in between
# Shares of two rates: what was found in memory, what was rolled back.
SHARES = {
    "blocks.hit_share": ("blocks.hit", "blocks.read"),
    "transactions.rollback_share": ("transactions.rollbacks", "transactions.commits"),
    "index_blocks.hit_share": ("index_blocks.hit", "index_blocks.read"),
    "heap_blocks.hit_share": ("heap_blocks.hit", "heap_blocks.read"),
}


@dataclass(frozen=True)
class Before:
    """The counters of the last round, and when it was, by the server's own clock."""

    started_at: datetime
    clock_at: datetime
    in_recovery: bool
    counters: Mapping[str, tuple[float, str]]

    def seconds(self, now: Round, every: int) -> float | None:
        """Return the seconds between two rounds; None after a restart, a change of role or a long silence."""
        if (self.started_at, self.in_recovery) != (now.started_at, now.in_recovery):
            return None
        passed = (now.clock_at - self.clock_at).total_seconds()
        return passed if 0 < passed <= LATE * every else None


def freeze(found: Round) -> dict[str, Any]:
    """Return what the next round needs to know of this one, as JSON."""
    return {
        "version": found.version,
        "in_recovery": found.in_recovery,
        "started_at": found.started_at.isoformat(),
        "clock_at": found.clock_at.isoformat(),
        "counters": {name: [counter.value, counter.reset_at] for name, counter in found.counters.items()},
    }


def thaw(seen: Mapping[str, Any]) -> Before | None:
    """Return what `freeze` wrote; None before the first round."""
    if not seen.get("counters"):
        return None
    started_at, clock_at = (datetime.fromisoformat(seen[name]) for name in ("started_at", "clock_at"))
    counters = {name: (float(value), str(reset)) for name, (value, reset) in seen["counters"].items()}
    return Before(started_at, clock_at, bool(seen["in_recovery"]), counters)


def figures(before: Before | None, now: Round, every: int) -> dict[str, float | None]:
    """Return a round's figures with every counter as a rate; None where a counter was reset or is new."""
    seconds = before.seconds(now, every) if before else None
    found = dict(now.figures)
    for name, counter in now.counters.items():
        old = before.counters.get(name) if before else None
        found[name] = _rate(old, counter, seconds)
    return found | _shares(found)


def _rate(old: tuple[float, str] | None, new: Counter, seconds: float | None) -> float | None:
    if seconds is None or old is None or old[1] != new.reset_at or new.value < old[0]:
        return None
    return (new.value - old[0]) / seconds * new.times


def _shares(rates: Mapping[str, float | None]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, (part, rest) in SHARES.items():
        if part in rates and rest in rates:
            one, other = rates[part], rates[rest]
            total = None if one is None or other is None else one + other
            found[name] = (one or 0.0) / total if total else None
    return found
