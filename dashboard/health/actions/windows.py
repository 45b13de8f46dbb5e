"""Owns when a maintenance window opens and closes. Pure."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Weekly(Protocol):
    """What says when a window is: see `MaintenanceWindow`."""

    @property
    def weekday(self) -> int | None: ...  # noqa: D102
    @property
    def starts(self) -> time: ...  # noqa: D102
    @property
    def ends(self) -> time: ...  # noqa: D102
    @property
    def zone(self) -> str: ...  # noqa: D102


class Opening(NamedTuple):
    """One time that a window is open."""

    starts_at: datetime
    ends_at: datetime

    def is_open(self, now: datetime) -> bool:
        """Whether it is open at `now`."""
        return self.starts_at <= now < self.ends_at


def opening(window: Weekly, now: datetime) -> Opening:
    """Return the opening that lasts now, else the next one."""
    today = now.astimezone(ZoneInfo(window.zone)).date()
    for days in range(-1, 9):
        found = _on(window, today + timedelta(days=days))
        if found and found.ends_at > now:
            return found
    raise ValueError("a window opens at least once in nine days")


def _on(window: Weekly, day: date) -> Opening | None:
    if window.weekday is not None and day.weekday() != window.weekday:
        return None
    zone = ZoneInfo(window.zone)
    last = day if window.ends > window.starts else day + timedelta(days=1)
    return Opening(
        datetime.combine(day, window.starts, tzinfo=zone), datetime.combine(last, window.ends, tzinfo=zone)
    )


def spelled(window: Weekly) -> str:
    """Return the window in words: Sunday, 22:00 to 04:00 (Europe/Berlin)."""
    day = "Every day" if window.weekday is None else WEEKDAYS[window.weekday]
    return f"{day}, {window.starts:%H:%M} to {window.ends:%H:%M} ({window.zone})"
