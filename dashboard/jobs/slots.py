"""Owns when timed jobs are due: the slots of an interval or a cron line, in the schedule's own time zone."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from croniter import croniter


@dataclass(frozen=True)
class Schedule:
    """A timed job as declared in `dashboard/schedule.py`: every so many seconds, or a cron line in `zone`.

    `setting` names a setting whose cron line replaces `cron`.
    """

    name: str
    job: str
    title: str
    every: int | None = None
    cron: str | None = None
    zone: str = "UTC"
    args: Mapping[str, Any] = field(default_factory=dict)
    setting: str = ""

    def __post_init__(self) -> None:
        if (self.every is None) == (self.cron is None):
            raise ValueError(f"schedule {self.name}: give either `every` or `cron`")
        if self.every is not None and self.every < 1:
            raise ValueError(f"schedule {self.name}: `every` is at least one second")
        if self.cron is not None and not croniter.is_valid(self.cron):
            raise ValueError(f"schedule {self.name}: {self.cron!r} is no cron line")
        ZoneInfo(self.zone)


class Timed(Protocol):
    """What a declaration and its row have in common."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def every(self) -> int | None: ...  # noqa: D102
    @property
    def cron(self) -> str | None: ...  # noqa: D102
    @property
    def zone(self) -> str: ...  # noqa: D102


def previous_slot(timed: Timed, now: datetime) -> datetime:
    """Return the latest slot that is not after `now`, in UTC."""
    if timed.cron is None:
        return _interval_slot(timed.name, timed.every, now)
    local = now.astimezone(ZoneInfo(timed.zone))
    if croniter.match(timed.cron, local):
        return now.replace(second=0, microsecond=0).astimezone(UTC)
    found: datetime = croniter(timed.cron, local).get_prev(datetime)
    return found.astimezone(UTC)


def next_slot(timed: Timed, now: datetime) -> datetime:
    """Return the first slot after `now`, in UTC."""
    if timed.cron is None:
        slot = _interval_slot(timed.name, timed.every, now).timestamp()
        return datetime.fromtimestamp(slot + (timed.every or 1), UTC)
    found: datetime = croniter(timed.cron, now.astimezone(ZoneInfo(timed.zone))).get_next(datetime)
    return found.astimezone(UTC)


def _interval_slot(name: str, every: int | None, now: datetime) -> datetime:
    """Slots count from the epoch, so that all schedulers agree; the name spreads them over the interval."""
    every = every or 1
    offset = zlib.crc32(name.encode()) % every
    seconds = int(now.timestamp()) - offset
    return datetime.fromtimestamp(seconds - seconds % every + offset, UTC)
