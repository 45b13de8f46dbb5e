"""Owns what probes read; it lives in the control database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel

STALE_AFTER_INTERVALS = 3


class Reading(ControlModel):
    """The last good answer of a probe. A failed probe keeps it and adds `error` and `failed_at`."""

    __tablename__ = "reading"

    key: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    every_seconds: Mapped[int] = mapped_column(default=60)
    error: Mapped[str] = mapped_column(default="")
    failed_at: Mapped[datetime | None]

    @property
    def values(self) -> dict[str, Any]:
        """The data with every `…_at` as a datetime again (JSON knows none)."""
        thawed: dict[str, Any] = thaw(self.data)
        return thawed

    @property
    def age_seconds(self) -> float | None:
        """Seconds since the last good answer; None when there never was one."""
        return None if self.taken_at is None else (datetime.now(UTC) - self.taken_at).total_seconds()

    @property
    def is_stale(self) -> bool:
        """Whether it is older than three intervals: the probe is late or the database is away."""
        if not self.is_timed:
            return False
        age = self.age_seconds
        return age is None or timedelta(seconds=age) > STALE_AFTER_INTERVALS * self.interval

    @property
    def is_timed(self) -> bool:
        """Whether it comes by a clock; with an interval of 0 it is told only while something is at work."""
        return self.every_seconds > 0

    @property
    def interval(self) -> timedelta:
        """How often the probe is meant to answer."""
        return timedelta(seconds=self.every_seconds)

    @property
    def is_failing(self) -> bool:
        """Whether the newest attempt failed."""
        return bool(self.error)


def thaw(value: Any) -> Any:
    """Turn ISO texts under keys that end in `_at` into datetimes, at any depth."""
    if isinstance(value, list):
        return [thaw(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: datetime.fromisoformat(item) if key.endswith("_at") and isinstance(item, str) else thaw(item)
        for key, item in value.items()
    }
