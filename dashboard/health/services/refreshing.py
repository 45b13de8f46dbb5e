"""Runs the probes of machine, Redis, PgBouncer, queues and file store, and stores what they read."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from dashboard.core.config import Settings
from dashboard.health import redis_probes
from dashboard.health.connection import ProbeError, one_line
from dashboard.health.queries import get_reading
from dashboard.health.server.refreshing import IDENTITY
from dashboard.health.service import plain, store_reading
from dashboard.health.services import machine_probes, pgbouncer_probes
from dashboard.jobs import queries as jobs
from dashboard.metrics.service import record

BROKER, CACHE = "health.broker", "health.cache"
MACHINE, POOLS, QUEUES, FILES = "health.machine", "health.pgbouncer", "health.queues", "health.files"
FAST, MINUTE = 10, 60
GROWING = ("rejected_connections", "evicted_keys")
Values = dict[str, Any]


def refresh_redis(key: str, name: str, url: str) -> str:
    """Read broker or cache; return why it failed, or ''."""
    return _refresh(key, FAST, lambda: _redis(key, name, url))


def _redis(key: str, name: str, url: str) -> Values:
    values = plain(redis_probes.read_redis(url))
    before = get_reading(key)
    values |= grown(before.data if before else {}, values, datetime.now(UTC))
    lookups = values["hits"] + values["misses"]
    record(
        {
            f"{name}.memory": float(values["used_bytes"]),
            f"{name}.keys": float(values["keys"]),
            f"{name}.commands": float(values["operations_per_second"]),
            f"{name}.ping_ms": float(values["ping_ms"]),
            f"{name}.clients": float(values["clients"]),
            f"{name}.hit_share": values["hits"] / lookups if lookups else None,
        },
        source=name,
    )
    return values


def grown(before: Mapping[str, Any], now: Mapping[str, Any], at: datetime) -> Values:
    """Return when a counter of trouble last grew: what happened a month ago is no news.

    The first reading does not count: nobody knows when it was.
    """
    found: Values = {}
    for name in GROWING:
        known, seen = before.get(name), before.get(f"{name}_grew_at")
        # A smaller one began anew with the server.
        grew = known is not None and (now[name] > known or 0 < now[name] < known)
        found[f"{name}_grew_at"] = at.isoformat() if grew else seen
    return found


def refresh_machine(settings: Settings) -> str:
    """Read the machine Steward's workers run on; return why it failed, or ''."""
    return _refresh(MACHINE, FAST, lambda: _machine(settings))


def _machine(settings: Settings) -> Values:
    identity = get_reading(IDENTITY)
    values: Values = identity.data if identity else {}
    folders = {"Steward's data": settings.home}
    if values.get("is_here") and (data := values["identity"]["data_directory"]):
        folders |= {"the ERP server's data": Path(data), "its WAL": Path(data) / "pg_wal"}
    found = plain(machine_probes.read_machine(folders))
    before = get_reading(MACHINE)
    found |= shares(before.data if before else {}, found)
    found["hosts_erp"] = bool(values.get("is_here"))
    record(
        {
            "machine.busy": found["busy_share"],
            "machine.waits_for_disk": found["wait_share"],
            "machine.load": found["load"],
            "machine.memory_used": 1 - found["memory_free_bytes"] / found["memory_bytes"],
            "machine.swap_used": float(found["swap_used_bytes"]),
            "machine.disk_used": max(
                (disk["used_bytes"] / disk["total_bytes"] for disk in found["disks"]), default=None
            ),
        },
        source=found["name"],
    )
    return found


def shares(before: Mapping[str, Any], now: Mapping[str, Any]) -> Values:
    """Return how busy the processors were between two readings; None at first and after a restart."""
    passed = now["all_seconds"] - before.get("all_seconds", now["all_seconds"])
    if passed <= 0:
        return {"busy_share": None, "wait_share": None}
    return {
        "busy_share": min(1.0, max(0.0, (now["busy_seconds"] - before["busy_seconds"]) / passed)),
        "wait_share": min(1.0, max(0.0, (now["wait_seconds"] - before["wait_seconds"]) / passed)),
    }


def refresh_pools(settings: Settings) -> str:
    """Read PgBouncer where it is configured; return why it failed, or ''."""
    if not settings.pgbouncer_url:
        return ""
    return _refresh(POOLS, FAST, lambda: _pools(settings.pgbouncer_url))


def _pools(url: str) -> Values:
    values = plain(pgbouncer_probes.read_pgbouncer(url))
    pools = values["pools"]
    record(
        {
            "pgbouncer.waiting": float(sum(row["clients_waiting"] for row in pools)),
            "pgbouncer.active": float(sum(row["clients_active"] for row in pools)),
            "pgbouncer.longest_wait": max((row["longest_wait"] for row in pools), default=0.0),
        },
        source="pgbouncer",
    )
    return values


def refresh_queues() -> str:
    """Read queues and workers of the jobs; return why it failed, or ''."""
    return _refresh(QUEUES, MINUTE, _queues)


def _queues() -> Values:
    try:
        workers = jobs.list_workers()
    except RedisError as error:
        raise ProbeError(one_line(error)) from error
    queues = jobs.list_queues()
    record({f"queue.{row.name}.depth": float(row.depth or 0) for row in queues}, source="jobs")
    return {
        "queues": [
            plain(row) | {"oldest": None, "oldest_at": row.oldest.isoformat() if row.oldest else None}
            for row in queues
        ],
        "workers": [
            {
                "name": row.name,
                "host": row.host,
                "queues": list(row.queues),
                "state": row.state,
                "doing": row.run.title if row.run else "",
                "seen_at": row.seen_at.replace(tzinfo=UTC).isoformat() if row.seen_at else None,
                "succeeded": row.succeeded,
                "failed": row.failed,
            }
            for row in workers
        ],
    }


def refresh_files(check: Callable[[], None] | None) -> str:
    """Try the file store by its own check; return why it failed, or ''."""
    if check is None:
        return ""

    def read() -> Values:
        began = time.perf_counter()
        try:
            check()
        except Exception as error:  # whatever the store says, it is the reason
            raise ProbeError(one_line(error)) from error
        return {"seconds": time.perf_counter() - began}

    return _refresh(FILES, MINUTE, read)


def _refresh(key: str, every: int, read: Callable[[], Values]) -> str:
    try:
        store_reading(key, read(), every=every)
    except ProbeError as error:
        store_reading(key, {}, str(error), every=every)
        return str(error)
    return ""


def lately(moment: datetime | None, within: timedelta, now: datetime) -> bool:
    """Whether something happened, and not long ago."""
    return moment is not None and now - moment <= within
