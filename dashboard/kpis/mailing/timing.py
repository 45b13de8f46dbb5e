"""Owns when a mailing goes out: at a full hour of its owner's day, each day, Monday or first of a month."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

FALLS_ON: dict[str, Callable[[date], bool]] = {
    "day": lambda _day: True,
    "week": lambda day: day.weekday() == 0,
    "month": lambda day: day.day == 1,
}
WORDS = {"day": "every day", "week": "every Monday", "month": "on the first of every month"}
DAY = timedelta(days=1)


def next_at(every: str, hour: int, zone: tzinfo, now: datetime) -> datetime:
    """Return the first time after `now`. An hour that is skipped when clocks go forward is the one after."""
    return _walk(every, hour, zone, now, DAY, lambda moment: moment > now)


def latest_at(every: str, hour: int, zone: tzinfo, now: datetime) -> datetime:
    """Return the last time up to `now`."""
    return _walk(every, hour, zone, now, -DAY, lambda moment: moment <= now)


def _walk(
    every: str, hour: int, zone: tzinfo, now: datetime, step: timedelta, is_it: Callable[[datetime], bool]
) -> datetime:
    day = now.astimezone(zone).date()
    while True:
        moment = datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)
        if FALLS_ON[every](day) and is_it(moment):
            return moment
        day += step
