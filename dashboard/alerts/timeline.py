"""Turns changes of state into the stretches during which a rule fired. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.alerts.models import Alert, AlertEvent, AlertState

WIDTH = 1000  # of the drawing; a stretch is at least wide enough to be seen
LEAST_WIDTH = 3


@dataclass(frozen=True)
class Stretch:
    """From when until when one alert fired; `until` None means that it still does."""

    subject: str
    since: datetime
    until: datetime | None
    x: float
    width: float


def stretches(
    events: Iterable[AlertEvent], alerts: Iterable[Alert], *, begin: datetime, end: datetime
) -> dict[str, list[Stretch]]:
    """Return, by rule, when it fired between `begin` and `end`, placed on a line WIDTH wide.

    An alert whose first event in the span is its end, or that fires without one, has fired since before.
    """
    open_since = {
        (alert.rule, alert.subject): begin
        for alert in alerts
        if alert.state == AlertState.FIRING and alert.since < begin
    }
    seen: set[tuple[str, str]] = set()
    found: dict[str, list[Stretch]] = {}
    moves = [event for event in events if event.state in set(AlertState)]  # the others are answers
    for event in sorted(moves, key=lambda event: event.at):
        key = (event.rule, event.subject)
        if event.state == AlertState.FIRING:
            open_since[key] = event.at
        elif event.state == AlertState.OK and (key in open_since or key not in seen):
            since = open_since.pop(key, begin)
            found.setdefault(event.rule, []).append(_placed(event.subject, since, event.at, begin, end))
        seen.add(key)
    for (rule, subject), since in open_since.items():
        found.setdefault(rule, []).append(_placed(subject, since, None, begin, end))
    return found


def _placed(subject: str, since: datetime, until: datetime | None, begin: datetime, end: datetime) -> Stretch:
    span = (end - begin) / timedelta(seconds=1)
    x = (since - begin).total_seconds() / span * WIDTH
    width = ((until or end) - since).total_seconds() / span * WIDTH
    return Stretch(subject, since, until, min(x, WIDTH - LEAST_WIDTH), max(width, LEAST_WIDTH))
