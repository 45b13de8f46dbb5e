"""Reads the health of a Redis or Valkey server; no Flask, no session."""

import time
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from dashboard.core.errors import DashboardError
from dashboard.core.redis_links import is_encrypted, is_sentinel, open_redis
from dashboard.health.connection import ProbeError, one_line

TIMEOUT_SECONDS = 2.0
PINGS = 3


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
    peak_bytes: int = 0
    fragmentation: float | None = None
    blocked_clients: int = 0
    max_clients: int = 0
    expired_keys: int = 0
    commands: int = 0
    append_only_bytes: int = 0
    append_only_rewriting: bool = False
    delayed_fsyncs: int = 0
    role: str = ""
    replicas: int = 0
    encrypted: bool = False
    by_sentinel: bool = False


def redis_client(url: str) -> Redis:
    """Return a client that gives up after two seconds."""
    return open_redis(
        url,
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),  # the client's own would try for ten seconds
    )


def read_redis(url: str) -> RedisHealth:
    """Ask a server for its INFO. Raises ProbeError when it is away."""
    try:
        client = redis_client(url)
    except (DashboardError, ValueError) as error:
        raise ProbeError(one_line(error)) from error
    try:
        client.ping()  # connects, and asks the sentinels
        ping_ms = min(_ping(client) for _ in range(PINGS))
        info: Any = client.info()
    except (RedisError, OSError) as error:
        raise ProbeError(one_line(error)) from error
    finally:
        client.close()
    return _from_info(info, ping_ms, url)


def _ping(client: Redis) -> float:
    began = time.perf_counter()
    client.ping()
    return (time.perf_counter() - began) * 1000


def _from_info(info: dict[str, Any], ping_ms: float, url: str) -> RedisHealth:
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
        append_only_ok=_is_ok(info, "aof_last_write_status") and _is_ok(info, "aof_last_bgrewrite_status"),
        ping_ms=round(ping_ms, 2),
        **_details(info),
        encrypted=is_encrypted(url),
        by_sentinel=is_sentinel(url),
    )


def _is_ok(info: dict[str, Any], name: str) -> bool:
    return bool(info.get(name, "ok") == "ok")


def _details(info: dict[str, Any]) -> dict[str, Any]:
    return {
        "peak_bytes": info.get("used_memory_peak", 0),
        "fragmentation": info.get("mem_fragmentation_ratio"),
        "blocked_clients": info.get("blocked_clients", 0),
        "max_clients": info.get("maxclients", 0),
        "expired_keys": info.get("expired_keys", 0),
        "commands": info.get("total_commands_processed", 0),
        "append_only_bytes": info.get("aof_current_size", 0),
        "append_only_rewriting": bool(info.get("aof_rewrite_in_progress")),
        "delayed_fsyncs": info.get("aof_delayed_fsync", 0),
        "role": info.get("role", ""),
        "replicas": info.get("connected_slaves", 0),
    }
