"""Reads PgBouncer's pools through its admin console; no Flask, no session."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from dashboard.health.connection import CONNECT_SECONDS, ProbeError, libpq_url, one_line

OWN = "pgbouncer"  # the console itself is listed as a pool
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Pool:
    """One pool: clients and server connections by state; the longest wait in seconds."""

    database: str
    user: str
    mode: str
    clients_active: int
    clients_waiting: int
    servers_active: int
    servers_idle: int
    servers_used: int
    longest_wait: float


@dataclass(frozen=True)
class Traffic:
    """What PgBouncer averaged for a database over its stats_period, in seconds and per second."""

    database: str
    transactions_per_second: float
    queries_per_second: float
    received_per_second: float
    sent_per_second: float
    mean_transaction: float
    mean_query: float
    mean_wait: float


@dataclass(frozen=True)
class PgBouncer:
    """A pooler: what it lets in at most, its pools and their traffic."""

    version: str
    max_clients: int
    default_pool: int
    pools: list[Pool]
    traffic: list[Traffic]


def read_pgbouncer(url: str) -> PgBouncer:
    """Ask the admin console. Raises ProbeError. Its columns grow with versions, so they go by name."""
    try:
        link = psycopg2.connect(libpq_url(url), connect_timeout=CONNECT_SECONDS, tcp_user_timeout=4_000)
        link.autocommit = True  # the console knows no transactions
        with closing(link), link.cursor() as at:
            return _asked(at)
    except psycopg2.Error as error:
        raise ProbeError(one_line(error)) from error


def _asked(at: Any) -> PgBouncer:
    config = {row["key"]: row["value"] for row in _show(at, "SHOW CONFIG")}
    version = _show(at, "SHOW VERSION")
    return PgBouncer(
        version=str(next(iter(version[0].values()))) if version else "",
        max_clients=int(config.get("max_client_conn", 0)),
        default_pool=int(config.get("default_pool_size", 0)),
        pools=[_pool(row) for row in _show(at, "SHOW POOLS") if row["database"] != OWN],
        traffic=[_traffic(row) for row in _show(at, "SHOW STATS") if row["database"] != OWN],
    )


def _show(at: Any, statement: str) -> list[dict[str, Any]]:
    at.execute(statement)
    names = [column.name for column in at.description or ()]
    return [dict(zip(names, row, strict=True)) for row in at.fetchall()]


def _pool(row: dict[str, Any]) -> Pool:
    return Pool(
        database=row["database"],
        user=row["user"],
        mode=row.get("pool_mode", ""),
        clients_active=int(row["cl_active"]),
        clients_waiting=int(row["cl_waiting"]),
        servers_active=int(row["sv_active"]),
        servers_idle=int(row["sv_idle"]),
        servers_used=int(row["sv_used"]),
        longest_wait=int(row["maxwait"]) + int(row.get("maxwait_us", 0)) / MICROSECONDS,
    )


def _traffic(row: dict[str, Any]) -> Traffic:
    return Traffic(
        database=row["database"],
        transactions_per_second=float(row["avg_xact_count"]),
        queries_per_second=float(row["avg_query_count"]),
        received_per_second=float(row["avg_recv"]),
        sent_per_second=float(row["avg_sent"]),
        mean_transaction=float(row["avg_xact_time"]) / MICROSECONDS,
        mean_query=float(row["avg_query_time"]) / MICROSECONDS,
        mean_wait=float(row["avg_wait_time"]) / MICROSECONDS,
    )
