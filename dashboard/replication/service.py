"""Probes the primary and every expected standby, and stores one reading of all."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from dashboard.core.config import Settings, Standby
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading, store_samples
from dashboard.replication.judging import MISSING, StandbyState, judge_standby
from dashboard.replication.probes import (
    Frozen,
    Primary,
    PrimaryView,
    Sender,
    Slot,
    read_primary,
    read_standby,
)

READING = "replication"
EVERY_SECONDS = 10
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Replication:
    """What the page shows. Without `primary`, `primary_error` says why."""

    primary: Primary | None
    primary_error: str
    frozen: Frozen | None
    standbys: list[StandbyState]
    others: list[Sender]
    slots: list[Slot]


def refresh(settings: Settings) -> dict[str, str]:
    """Probe all, store the reading and the samples of its charts; return the state per standby."""
    found = observe(settings.database_monitor_url, settings.standbys)
    data = plain(found)
    _remember(data)
    store_reading(READING, data, every=EVERY_SECONDS)
    _sample(found)
    return {standby.name: standby.state for standby in found.standbys}


def observe(primary_url: str, expected: Sequence[Standby]) -> Replication:
    """Ask all servers at once: one that is away must not make the others late."""
    with ThreadPoolExecutor(max_workers=1 + len(expected)) as pool:
        asked = pool.submit(_ask, read_primary, primary_url)
        answers = list(pool.map(lambda standby: _ask(read_standby, standby.url), expected))
        primary, error = asked.result()
    standbys = [
        judge_standby(standby, primary, own, own_error=own_error)
        for standby, (own, own_error) in zip(expected, answers, strict=True)
    ]
    return _joined(primary, error, standbys)


def _ask(read: Callable[[str], Answer], url: str) -> tuple[Answer | None, str]:
    try:
        return read(url), ""
    except ProbeError as error:
        return None, str(error)


def _joined(primary: PrimaryView | None, error: str, standbys: list[StandbyState]) -> Replication:
    names = {standby.name for standby in standbys}
    return Replication(
        primary=primary.primary if primary else None,
        primary_error=error,
        frozen=primary.frozen if primary else None,
        standbys=standbys,
        others=[sender for sender in primary.senders if sender.name not in names] if primary else [],
        slots=primary.slots if primary else [],
    )


def _remember(data: dict[str, Any]) -> None:
    """Carry over what an answer cannot say: when a missing standby was last there, the last known primary."""
    before = get_reading(READING)
    old = before.data if before else {}
    data["last_primary"] = data["primary"] or old.get("last_primary")
    seen = {row["name"]: row.get("last_seen_at") for row in old.get("standbys", [])}
    now = datetime.now(UTC).isoformat()
    for row in data["standbys"]:
        row["last_seen_at"] = seen.get(row["name"]) if row["state"] == MISSING else now


def _sample(found: Replication) -> None:
    values: dict[str, float | None] = {}
    if found.primary:
        # At the time the primary gave with it: a later one would call safe what was written meanwhile.
        store_samples({"wal.position": float(found.primary.position)}, at=found.primary.clock_at)
    for standby in found.standbys:
        values[lag_series(standby.name)] = _float(standby.replay_bytes)
    store_samples(values)


def lag_series(standby: str) -> str:
    """Return the name of the series with a standby's replay lag in bytes."""
    return f"lag.bytes.{standby}"


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)
