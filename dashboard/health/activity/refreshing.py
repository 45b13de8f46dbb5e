"""Reads the server's figures and its sessions in one go (service layer of the probe job)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard.health.activity.probes import read_moment
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.metrics.service import record

ACTIVITY, NOW = "health.activity", "health.now"
FAST = 10
WINDOW_SECONDS = 65.0  # rates that alerts judge: over a minute, or a burst of ten seconds would ring
ENOUGH_BLOCKS = 10_000  # below, a hit rate says nothing
Values = Mapping[str, Any]


def refresh_moment(url: str) -> str:
    """Read activity and sessions through one connection; return why it failed, or ''."""
    try:
        activity, now = read_moment(url)
    except ProbeError as error:
        for key in (ACTIVITY, NOW):
            store_reading(key, {}, str(error), every=FAST)
        return str(error)
    values = with_rates(plain(activity))
    store_reading(ACTIVITY, values, every=FAST)
    store_reading(NOW, plain(now), every=FAST)
    sessions = {row.state: float(row.sessions) for row in activity.sessions}
    record(
        {
            "connections.total": sum(sessions.values()),
            "connections.active": sessions.get("active", 0.0),
            "tps": values["rates"].get("tps"),
            "cache.hit_rate": values["minute"].get("hit_rate"),
        }
    )
    return ""


def with_rates(values: dict[str, Any]) -> dict[str, Any]:
    """Add rates since the last reading, and over the last minute."""
    before = get_reading(ACTIVITY)
    old: Values = before.data if before else {}
    marks = [mark for mark in old.get("marks", []) if _is_recent(mark, values)]
    return values | {
        "rates": rates(old, values),
        "minute": rates(marks[0], values) if marks else {},
        "marks": [*marks, _mark(values)],
    }


def _mark(values: Values) -> dict[str, Any]:
    return {"server": {"clock_at": values["server"]["clock_at"]}, "counters": values["counters"]}


def _is_recent(mark: Values, values: Values) -> bool:
    return 0 < _seconds(mark["server"]["clock_at"], values["server"]["clock_at"]) <= WINDOW_SECONDS


def rates(before: Values, now: Values) -> dict[str, float]:
    """Rates between two activity readings; nothing after a restart or a reset of counters."""
    old, new = before.get("counters"), now.get("counters")
    if not old or not new or old["reset_at"] != new["reset_at"]:
        return {}
    seconds = _seconds(before["server"]["clock_at"], now["server"]["clock_at"])
    commits, rollbacks = _grown(old, new, "commits"), _grown(old, new, "rollbacks")
    if seconds <= 0 or commits < 0 or rollbacks < 0:
        return {}
    total = commits + rollbacks
    hit, read = _grown(old, new, "blocks_hit"), _grown(old, new, "blocks_read")
    found = {
        "seconds": seconds,
        "tps": total / seconds,
        # Of less than a minute: what was counted, not what it would come to.
        "deadlocks_per_minute": _grown(old, new, "deadlocks") * 60 / max(seconds, 60),
        "temp_bytes_per_second": _grown(old, new, "temp_bytes") / seconds,
        "temp_files": float(_grown(old, new, "temp_files")),
    }
    found |= {"rollback_share": rollbacks / total} if total else {}
    return found | ({"hit_rate": hit / (hit + read)} if hit + read >= ENOUGH_BLOCKS else {})


def _grown(old: Values, new: Values, name: str) -> int:
    return int(new.get(name) or 0) - int(old.get(name) or 0)


def _seconds(before: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(before)).total_seconds()
