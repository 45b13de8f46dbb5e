"""Places the restorable window, its gaps and the backups on one line, in thousandths of its width. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from dashboard.backups.models import Backup

WIDTH = 1000
LEAST = 4  # a stretch of a minute is still seen
SHORTEST = timedelta(minutes=10)


@dataclass(frozen=True)
class Span:
    """A part of the line: where it begins, how wide it is, and what it covers."""

    x: float
    width: float
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True)
class Mark:
    """One backup on the line."""

    x: float
    kind: str
    backup_id: str
    end_at: datetime


@dataclass(frozen=True)
class Timeline:
    """From the oldest restorable moment to now."""

    from_at: datetime
    until_at: datetime
    now: datetime
    stretches: list[Span] = field(default_factory=list)
    gaps: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


def draw(window: Mapping[str, Any], backups: Sequence[Backup], now: datetime) -> Timeline | None:
    """Return the picture of a window; None while there is none."""
    begin, end = window.get("from_at"), window.get("until_at")
    if begin is None or end is None:
        return None
    rows = [row for row in window.get("stretches", []) if row["from_at"] and row["until_at"]]
    spans = [(row["from_at"], max(row["from_at"], row["until_at"])) for row in rows[:-1]]
    spans.append((begin, max(begin, end)))
    oldest = min(spans[0][0], now - SHORTEST)
    whole = (now - oldest).total_seconds()

    def x(moment: datetime) -> float:
        passed: float = (moment - oldest).total_seconds()
        return float(round(max(0.0, min(WIDTH, WIDTH * passed / whole)), 1))

    def span(first: datetime, last: datetime) -> Span:
        left = min(x(first), WIDTH - LEAST)
        return Span(left, round(max(x(last) - left, LEAST), 1), first, last)

    gaps = [span(left[1], right[0]) for left, right in pairwise(spans) if right[0] > left[1]]
    marks = [
        Mark(x(backup.end_at), backup.kind, backup.backup_id, backup.end_at)
        for backup in backups
        if backup.end_at and backup.is_restorable and backup.end_at >= oldest
    ]
    return Timeline(oldest, end, now, [span(*pair) for pair in spans], gaps, marks)
