"""Takes the snapshot of every minute and says what stands out in it (service layer of the job)."""

from dataclasses import asdict
from typing import Any

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.service import store_reading
from dashboard.health.statements import probes, queries, service
from dashboard.health.statements.probes import Sight

KEY, EVERY = "health.statements", 60
SUMMARY_ROWS = 10


def refresh(settings: Settings) -> str:
    """Read the counters and keep what changed; return why that failed, '' when it did not."""
    memory = service.recall()
    try:
        sight = probes.look(settings.database_monitor_url, memory.texts)
    except ProbeError as error:
        store_reading(KEY, {}, str(error), every=EVERY)
        return str(error)
    if sight is None:
        store_reading(KEY, {"installed": False, "rows": []}, every=EVERY)
        return ""
    service.add_interval(memory, sight)
    service.remember(memory, sight)
    service.roll_up(sight.state.taken_at)
    service.prune(sight.state.taken_at)
    store_reading(KEY, _summary(sight), every=EVERY)
    return ""


def _summary(sight: Sight) -> dict[str, Any]:
    state = sight.state
    found = queries.overview(queries.SPANS["1h"], "total", state.taken_at)
    return {
        "installed": True,
        "rows": [
            {
                "fingerprint": line.fingerprint,
                "query": line.text[:300],
                "calls": line.calls,
                "total_ms": line.total_ms,
                "mean_ms": line.mean_ms,
                "max_ms": line.max_ms or 0.0,
                "rows": line.rows,
            }
            for line in found.lines[:SUMMARY_ROWS]
        ],
        "info": {
            "forgotten": state.forgotten,
            "since_at": state.since_at.isoformat() if state.since_at else None,
        },
        "entries": len(sight.entries),
        "capacity": state.capacity,
        "forgotten_lately": queries.count_forgotten(state.taken_at),
        "slower": [asdict(each) for each in queries.find_slower(state.taken_at)],
    }
