"""Reads the health of a Redis or Valkey server; no Flask, no session."""

import time
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from dashboard.health.connection import ProbeError, one_line

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class RedisHealth:
    """What INFO says; sizes in bytes, `ping_ms` the time of one round trip."""

    version: str
    uptime_seconds: int
    used_bytes: int
    max_bytes: int  # 0: no limit
    policy: str
    clients: int
    rejected_connections: int
    evicted_keys: int
    hits: int
    misses: int
    operations_per_second: int
    keys: int
    append_only: bool
    append_only_ok: bool
    ping_ms: float


def redis_client(url: str) -> Redis:
    """Return a client that gives up after two seconds."""
    return Redis.from_url(url, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS)


def read_redis(url: str) -> RedisHealth:
    """Ask a server for its INFO. Raises ProbeError when it is away."""
    client = redis_client(url)
    try:
        began = time.perf_counter()
        client.ping()
        ping_ms = (time.perf_counter() - began) * 1000
        info: Any = client.info()
    except (RedisError, OSError) as error:
        raise ProbeError(one_line(error)) from error
    finally:
        client.close()
    return _from_info(info, ping_ms)


def _from_info(info: dict[str, Any], ping_ms: float) -> RedisHealth:
    return RedisHealth(
        version=str(info.get("valkey_version") or info["redis_version"]),
        uptime_seconds=info["uptime_in_seconds"],
        used_bytes=info["used_memory"],
        max_bytes=info.get("maxmemory", 0),
        policy=info.get("maxmemory_policy", ""),
        clients=info["connected_clients"],
        rejected_connections=info["rejected_connections"],
        evicted_keys=info["evicted_keys"],
        hits=info["keyspace_hits"],
        misses=info["keyspace_misses"],
        operations_per_second=info["instantaneous_ops_per_sec"],
        keys=sum(value["keys"] for name, value in info.items() if name.startswith("db")),
        append_only=bool(info.get("aof_enabled")),
        append_only_ok=info.get("aof_last_write_status", "ok") == "ok"
        and info.get("aof_last_bgrewrite_status", "ok") == "ok",
        ping_ms=round(ping_ms, 2),
    )
