"""Runs the probes and stores what they read (service layer of the probe jobs)."""

import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dashboard.core.config import Settings
from dashboard.health import probes, redis_probes
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, prune_samples, store_reading, store_samples

ACTIVITY, STATEMENTS, INVENTORY, DISK = (
    "health.activity",
    "health.statements",
    "health.inventory",
    "health.disk",
)
BROKER, CACHE = "health.broker", "health.cache"
FAST, MINUTE, QUARTER_HOUR = 10, 60, 900
Values = Mapping[str, Any]


def refresh_activity(settings: Settings) -> dict[str, str]:
    """Read what is cheap enough for every ten seconds; return what failed, by reading."""
    failures = {
        ACTIVITY: _refresh(ACTIVITY, FAST, lambda: _activity(settings.database_monitor_url)),
        BROKER: _refresh(BROKER, FAST, lambda: plain(redis_probes.read_redis(settings.broker_url))),
        CACHE: _refresh(CACHE, FAST, lambda: plain(redis_probes.read_redis(settings.cache_url))),
        DISK: _refresh(DISK, FAST, lambda: _disk(settings)),
    }
    return _failed(failures)


def refresh_statements(settings: Settings) -> dict[str, str]:
    """Read the heaviest queries, forget old samples, and see to a first inventory."""
    url = settings.database_monitor_url
    failures = {STATEMENTS: _refresh(STATEMENTS, MINUTE, lambda: plain(probes.read_statements(url)))}
    known = get_reading(INVENTORY)
    if known is None or known.taken_at is None:
        failures |= refresh_inventory(settings)
    prune_samples()
    return _failed(failures)


def refresh_inventory(settings: Settings) -> dict[str, str]:
    """Read sizes, extensions and settings."""
    url = settings.database_monitor_url
    return _failed({INVENTORY: _refresh(INVENTORY, QUARTER_HOUR, lambda: plain(probes.read_inventory(url)))})


def _refresh(key: str, every: int, read: Callable[[], Values]) -> str:
    """Store one reading; return why it failed, '' when it did not."""
    try:
        store_reading(key, read(), every=every)
    except ProbeError as error:
        store_reading(key, {}, str(error), every=every)
        return str(error)
    return ""


def _failed(failures: Mapping[str, str]) -> dict[str, str]:
    return {key: error for key, error in failures.items() if error}


def _activity(url: str) -> Values:
    now = plain(probes.read_activity(url))
    before = get_reading(ACTIVITY)
    now["rates"] = rates(before.data if before else {}, now)
    sessions = {row["state"]: row["sessions"] for row in now["sessions"]}
    store_samples(
        {
            "connections.total": float(sum(sessions.values())),
            "connections.active": float(sessions.get("active", 0)),
            "tps": now["rates"].get("tps"),
        }
    )
    return now


def rates(before: Values, now: Values) -> dict[str, float]:
    """Per-second rates between two activity readings; nothing after a restart or a reset of counters."""
    old, new = before.get("counters"), now.get("counters")
    if not old or not new or old["reset_at"] != new["reset_at"]:
        return {}
    seconds = _seconds(before["server"]["clock_at"], now["server"]["clock_at"])
    commits, rollbacks = new["commits"] - old["commits"], new["rollbacks"] - old["rollbacks"]
    if seconds <= 0 or commits < 0 or rollbacks < 0:
        return {}
    total = commits + rollbacks
    found = {
        "tps": total / seconds,
        "deadlocks_per_minute": (new["deadlocks"] - old["deadlocks"]) * 60 / seconds,
    }
    return found | ({"rollback_share": rollbacks / total} if total else {})


def _seconds(before: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(before)).total_seconds()


def _disk(settings: Settings) -> Values:
    try:
        usage = shutil.disk_usage(settings.home)
    except OSError as error:
        raise ProbeError(f"{settings.home}: {error.strerror}") from error
    # As df counts: what is kept for root, or by a quota, is neither used nor to be had.
    return {"path": str(settings.home), "total_bytes": usage.used + usage.free, "used_bytes": usage.used}
