"""Measures how much of large tables and indexes is empty, within a budget of time; no Flask, no session."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.health.connection import ProbeError, fetch, probe_connection
from dashboard.health.probes import Schema

SQL = Path(__file__).with_name("sql")
HEALTH_SQL = Path(__file__).parents[1] / "sql"
LEAST_BYTES, LARGEST_INDEX = 10 * 2**20, 2**30
MOST = 12
ONE_MS = 30_000
BUDGET_SECONDS = 120.0


@dataclass(frozen=True)
class Large:
    """A table or index large enough to look at."""

    id: int
    schema: str
    name: str
    is_index: bool
    bytes: int


@dataclass(frozen=True)
class Bloat:
    """How much of a table or index is empty or dead, of one; `method` is measured or estimated."""

    schema: str
    name: str
    is_index: bool
    bytes: int
    share: float
    method: str
    ms: float


@dataclass(frozen=True)
class BloatReport:
    """What was looked at; `skipped` gives reasons for what was not."""

    looked_at: list[Bloat]
    large: int
    skipped: list[str]
    installed: bool


@dataclass(frozen=True)
class _Share:
    bytes: int
    share: float | None


def read_bloat(monitor_url: str, owner_url: str, *, least: int = LEAST_BYTES) -> BloatReport:
    """Look at the largest tables and indexes, one transaction each. Raises ProbeError without the server."""
    with probe_connection(monitor_url, statement_ms=ONE_MS) as link:
        found = fetch(link, HEALTH_SQL / "extension_schema.sql", Schema, {"name": "pgstattuple"})
        bound = {"least": least, "largest": LARGEST_INDEX, "most": MOST}
        large = fetch(link, SQL / "large.sql", Large, bound)
    schema = found[0].schema if found else ""
    return _look(large, monitor_url if schema else owner_url, schema)


def _look(large: Sequence[Large], url: str, schema: str) -> BloatReport:
    began, looked_at, skipped = time.monotonic(), list[Bloat](), list[str]()
    for one in sorted(large, key=lambda row: -row.bytes):
        if time.monotonic() - began > BUDGET_SECONDS:
            skipped.append(f"{one.schema}.{one.name}: no time was left")
            continue
        try:
            bloat = _measure(one, url, schema)
        except ProbeError as error:
            skipped.append(f"{one.schema}.{one.name}: {error}")
            continue
        if bloat:
            looked_at.append(bloat)
    looked_at.sort(key=lambda row: -row.share * row.bytes)
    return BloatReport(looked_at, len(large), skipped, installed=bool(schema))


def _measure(one: Large, url: str, schema: str) -> Bloat | None:
    began = time.perf_counter()
    file = "bloat_of_index.sql" if one.is_index else "bloat_of_table.sql"
    if not schema:
        file = "bloat_estimate.sql"
    with probe_connection(url, statement_ms=ONE_MS) as link:
        rows = fetch(link, SQL / file, _Share, {"id": one.id}, {"schema": schema} if schema else None)
    if not rows or rows[0].share is None:
        return None
    method = "measured" if schema else "estimated"
    ms = round(1000 * (time.perf_counter() - began), 1)
    return Bloat(one.schema, one.name, one.is_index, rows[0].bytes, min(rows[0].share, 1.0), method, ms)
