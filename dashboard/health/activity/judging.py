"""Judges what sessions do beyond the figures: prepared transactions and who holds vacuum back. Pure."""

from collections.abc import Mapping
from typing import Any

from dashboard.core.filters import duration, number
from dashboard.health.judging import CRITICAL, WARNING, Finding, at_least

Values = Mapping[str, Any]
PREPARED_WARNING, PREPARED_CRITICAL = 300, 3600
HELD_WARNING, HELD_CRITICAL = 10_000_000, 100_000_000  # transactions that vacuum may not clean up after


def judge_now(values: Values) -> list[Finding]:
    """Judge one reading of the sessions."""
    return [finding for finding in (_prepared(values), _horizon(values)) if finding]


def _prepared(values: Values) -> Finding | None:
    rows = values.get("prepared") or []
    oldest = max((row["seconds"] for row in rows), default=0.0)
    if oldest < PREPARED_WARNING:
        return None
    level = at_least(oldest, PREPARED_WARNING, PREPARED_CRITICAL)
    text = f"{len(rows)} prepared, the oldest {rows[0]['gid']} since {duration(oldest)}."
    return Finding(level, "Prepared transactions", text)


def _horizon(values: Values) -> Finding | None:
    holders = values.get("holders") or []
    if not holders or (holders[0]["xid_age"] or 0) < HELD_WARNING:
        return None
    first = holders[0]
    level = CRITICAL if first["xid_age"] >= HELD_CRITICAL else WARNING
    text = f"{holder_name(first)} holds back {number(first['xid_age'])} transactions."
    return Finding(level, "Vacuum is held back", text)


def holder_name(row: Values) -> str:
    """Name who holds vacuum back, as people would."""
    who = f"{row['kind']} {row['name']}".strip()
    return f"{who} (process {row['pid']})" if row["pid"] else who
