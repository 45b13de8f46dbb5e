"""Judges what is stored: indexes, bloat, sequences and ages. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.core.filters import bytes_, percent
from dashboard.health.judging import OK, WARNING, XIDS, XIDS_LEFT_CRITICAL, XIDS_LEFT_WARNING, Finding

Values = Mapping[str, Any]
SEQUENCE_SHARE = 0.9
BLOAT_SHARE, BLOAT_BYTES = 0.7, 200 * 2**20
ENOUGH_DAYS = timedelta(days=7)  # before, "never read" says little: a week has all of its jobs in it


def judge_storage(values: Values, now: datetime | None = None) -> list[Finding]:
    """Judge the reading of tables and indexes."""
    return [finding for finding in (_unused(values, now), _duplicates(values)) if finding]


def can_advise(values: Values, now: datetime | None = None) -> str:
    """Return why nothing can be advised on unused indexes yet; '' when it can."""
    moment = now or datetime.now(UTC)
    for server in values.get("counting", []):
        if server["error"]:
            return f"{server['server']} does not answer: whether it reads them is not known."
        if server["since_at"] and moment - server["since_at"] < ENOUGH_DAYS:
            return f"{server['server']} has counted for less than a week: too short to advise."
    return ""


def unused_of(values: Values) -> list[Values]:
    """Return the indexes that nobody reads on any server and that support no foreign key."""
    return [row for row in values.get("unused", []) if not row["supports_key"] and not row["read_on"]]


def _unused(values: Values, now: datetime | None) -> Finding | None:
    rows = unused_of(values)
    if not rows or can_advise(values, now):
        return None
    total = sum(row["bytes"] for row in rows)
    names = ", ".join(row["name"] for row in rows[:3])
    return Finding(WARNING, "Unused indexes", f"{_many(rows)}, {bytes_(total)} in all: {names}.")


def _duplicates(values: Values) -> Finding | None:
    rows = values.get("duplicates", [])
    if not rows:
        return None
    total = sum(row["bytes"] for row in rows)
    names = "; ".join(f"{row['table_name']}: {', '.join(row['names'])}" for row in rows[:3])
    return Finding(WARNING, "Duplicate indexes", f"{_many(rows)}, {bytes_(total)} to spare. {names}.")


def _many(rows: Sequence[Values]) -> str:
    return "1 index" if len(rows) == 1 else f"{len(rows)} indexes"


def lasting_invalid(values: Values) -> list[Values]:
    """Return the indexes that cannot be used and are not just being made."""
    return [row for row in values.get("indexes", []) if row["building"] < row["schemas"]]


def judge_invalid(values: Values) -> list[Finding]:
    """Judge the reading of indexes that cannot be used."""
    rows = lasting_invalid(values)
    if not rows:
        return []
    names = ", ".join(f"{row['example']}.{row['name']}" for row in rows[:3])
    return [Finding(WARNING, "Invalid indexes", f"{_many(rows)}: {names}.")]


def is_bloated(row: Values, share: float = BLOAT_SHARE) -> bool:
    """Whether so much of it is empty that something should be done."""
    return bool(row["share"] > share and row["bytes"] > BLOAT_BYTES)


def judge_bloat(values: Values) -> list[Finding]:
    """Judge what was measured or estimated of bloat."""
    rows = [row for row in values.get("looked_at", []) if is_bloated(row)]
    return [
        Finding(
            WARNING,
            "Bloat",
            f"{percent(row['share'], 0)} of {row['schema']}.{row['name']} ({bytes_(row['bytes'])}) is empty,"
            f" {row['method']}.",
        )
        for row in rows
    ]


def nearly_used_up(values: Values, share: float = SEQUENCE_SHARE) -> list[Values]:
    """Return the sequences of which at least so much is used."""
    return [row for row in values.get("used", []) if row["share"] >= share]


def judge_sequences(values: Values) -> list[Finding]:
    """Judge the reading of sequences."""
    rows = nearly_used_up(values)
    names = ", ".join(f"{row['schema']}.{row['name']} {percent(row['share'], 1)}" for row in rows[:3])
    return [Finding(WARNING, "Sequences", f"Nearly used up: {names}.")] if rows else []


def xids_left(age: int) -> int:
    """Return how many transactions are left before wraparound."""
    return XIDS - age


def level_of_age(age: int) -> str:
    """Return the level of an age in transactions."""
    left = xids_left(age)
    if left < XIDS_LEFT_CRITICAL:
        return "critical"
    return WARNING if left < XIDS_LEFT_WARNING else OK
