"""Keeps the history behind the charts: lag in bytes and seconds, WAL kept by slots, commits that wait."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard.metrics.queries import find_at_most
from dashboard.metrics.service import record
from dashboard.replication.judging import CATCHING_UP, STREAMING

POSITIONS = "wal.position"
FROZEN = "commits.frozen"


def lag_series(standby: str) -> str:
    """Return the name of the series with a standby's replay lag in bytes."""
    return f"lag.bytes.{standby}"


def delay_series(standby: str) -> str:
    """Return the name of the series with a standby's replay lag in seconds."""
    return f"lag.seconds.{standby}"


def slot_series(slot: str) -> str:
    """Return the name of the series with the WAL a slot keeps, in bytes."""
    return f"slot.bytes.{slot}"


def sample(values: Mapping[str, Any]) -> None:
    """Store the figures of a (thawed) reading."""
    primary = values["primary"]
    if primary:
        # At the time the primary gave with it: a later one would call safe what was written meanwhile.
        record({POSITIONS: float(primary["position"])}, at=primary["clock_at"])
    figures: dict[str, float | None] = {}
    for row in values["standbys"]:
        figures[lag_series(row["name"])] = _float(row["replay_bytes"])
        figures[delay_series(row["name"])] = delay(row)
    for slot in values["slots"]:
        figures[slot_series(slot["name"])] = _float(slot["retained_bytes"])
    figures[FROZEN] = _float((values["frozen"] or {}).get("commits"))
    record(figures)


def delay(row: Mapping[str, Any]) -> float | None:
    """Return how old what a standby shows is, in seconds; None when nobody can say."""
    if row["state"] not in {STREAMING, CATCHING_UP}:
        return _float(row.get("late_seconds"))
    if row["replay_seconds"] is None and row["replay_bytes"] == 0:
        return 0.0
    return _float(row["replay_seconds"])


def age_of(position: int, primary: Mapping[str, Any]) -> float | None:
    """Return for how many seconds the primary has been past a position: 0 if it is not, None if unknown.

    By the index of positions and times that is kept every ten seconds, so it can be 10 s too large.
    """
    if primary["position"] <= position:
        return 0.0
    at = find_at_most(POSITIONS, float(position))
    clock_at: datetime = primary["clock_at"]
    return None if at is None else max((clock_at - at).total_seconds(), 0.0)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
