"""Judges readings by the thresholds of the database strategy. Pure: values in, findings out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]
OK, WARNING, CRITICAL = "ok", "warning", "critical"
RANK = {OK: 0, "unknown": 1, WARNING: 2, CRITICAL: 3}

SLOW_MEAN_MS, SLOW_CALLS = 20, 100
LONG_TRANSACTION_SECONDS = 60
IDLE_WARNING_SECONDS, IDLE_CRITICAL_SECONDS = 30, 300
BLOCKED_SESSIONS, BLOCKED_SECONDS = 3, 300
XIDS = 2**31
XIDS_LEFT_WARNING, XIDS_LEFT_CRITICAL = 1_500_000_000, 900_000_000
READY_FILES_WARNING, READY_FILES_CRITICAL = 16, 128
ENOUGH_BLOCKS = 10_000  # below, a hit rate says nothing
ENOUGH_TPS = 10  # below, the probes and closed read-only sessions make up most of the share


@dataclass(frozen=True)
class Finding:
    """One judgement: `level` is ok, warning or critical; `text` one sentence for people.

    Pages add why it matters, what to do and the endpoint where one does it (see `advice.py`).
    """

    level: str
    topic: str
    text: str
    why: str = ""
    action: str = ""
    endpoint: str = ""


def worst(findings: Iterable[Finding]) -> str:
    """Return the most severe level; ok when there is none."""
    return max((finding.level for finding in findings), key=RANK.__getitem__, default=OK)


def at_least(value: float, warning: float, critical: float) -> str:
    """Return the level of a value where more is worse."""
    if value >= critical:
        return CRITICAL
    return WARNING if value >= warning else OK


def hit_rate(hit: int | None, read: int | None) -> float | None:
    """Share of block reads found in memory; None when too little was read to say."""
    total = (hit or 0) + (read or 0)
    return (hit or 0) / total if total >= ENOUGH_BLOCKS else None


def judge_activity(values: Values) -> list[Finding]:
    """Judge sessions, transactions, waits, cache, wraparound and the archiver."""
    findings = [judge_connections(values), _cache(values), _wraparound(values)]
    findings += [_idle(values), _long(values), *_blocked(values), *_frozen(values), *_rates(values)]
    if values.get("archiver"):
        findings += judge_archiver(values["archiver"])
    return [finding for finding in findings if finding]


def judge_connections(values: Values) -> Finding:
    """Warn at 80 %, alarm at 90 % of what the app may open."""
    used = sum(row["sessions"] for row in values["sessions"])
    server = values["server"]
    most = server["max_connections"] - server["reserved_connections"]
    level = at_least(used / most, 0.8, 0.9)
    return Finding(level, "Connections", f"Connections in use: {used} of {most}.")


def _cache(values: Values) -> Finding | None:
    counters = values.get("counters") or {}
    rate = hit_rate(counters.get("blocks_hit"), counters.get("blocks_read"))
    lately = (values.get("minute") or {}).get("hit_rate")
    if rate is None:
        return None
    # What was read since the counters began says how it is built; what was read lately, how it is now.
    level = CRITICAL if rate < 0.90 else WARNING if rate < 0.98 else OK
    now = "" if lately is None else f" In the last minute it was {lately:.1%}."
    return Finding(level, "Shared buffers", f"{rate:.1%} of block reads were found in shared memory.{now}")


def _wraparound(values: Values) -> Finding:
    left = XIDS - values["server"]["oldest_xid_age"]
    level = CRITICAL if left < XIDS_LEFT_CRITICAL else WARNING if left < XIDS_LEFT_WARNING else OK
    return Finding(level, "Wraparound", f"{left / 1e9:.2f} billion transactions are left before wraparound.")


def _idle(values: Values) -> Finding | None:
    idle = [row for row in values["transactions"] if row["state"].startswith("idle in transaction")]
    longest = max((row["state_seconds"] for row in idle), default=0.0)
    if longest < IDLE_WARNING_SECONDS:
        return None
    level = at_least(longest, IDLE_WARNING_SECONDS, IDLE_CRITICAL_SECONDS)
    text = f"A transaction has been open and idle for {longest:.0f} s and holds back vacuum."
    return Finding(level, "Idle in transaction", text)


def _long(values: Values) -> Finding | None:
    busy = [row for row in values["transactions"] if row["state"] == "active"]
    longest = max((row["transaction_seconds"] for row in busy), default=0.0)
    if longest <= LONG_TRANSACTION_SECONDS:
        return None
    return Finding(WARNING, "Long transaction", f"The longest running transaction began {longest:.0f} s ago.")


def _blocked(values: Values) -> list[Finding]:
    waits = [row for row in values["waits"] if row["event"] != "SyncRep"]
    longest = max((row["seconds"] for row in waits), default=0.0)
    if len(waits) < BLOCKED_SESSIONS and longest < BLOCKED_SECONDS:
        return []
    text = f"{len(waits)} sessions wait for locks, the longest for {longest:.0f} s."
    return [Finding(CRITICAL, "Blocked", text)]


def _frozen(values: Values) -> list[Finding]:
    waits = [row for row in values["waits"] if row["event"] == "SyncRep"]
    if not waits:
        return []
    longest = max(row["seconds"] for row in waits)
    level = CRITICAL if longest >= 1 else WARNING
    text = f"{len(waits)} commits wait for a synchronous standby, the longest for {longest:.0f} s."
    return [Finding(level, "Frozen commits", text)]


def _rates(values: Values) -> list[Finding]:
    rates = values.get("minute") or values.get("rates") or {}
    findings = []
    if (share := rates.get("rollback_share")) is not None and share > 0.10 and rates["tps"] >= ENOUGH_TPS:
        findings.append(Finding(WARNING, "Rollbacks", f"{share:.0%} of transactions were rolled back."))
    if (rates.get("deadlocks_per_minute") or 0) > 5:
        text = f"{rates['deadlocks_per_minute']:.0f} deadlocks a minute."
        findings.append(Finding(WARNING, "Deadlocks", text))
    return findings


def judge_archiver(archiver: Values) -> list[Finding]:
    """Judge the server's own view of its archiving."""
    if archiver["mode"] == "off":
        return [Finding(WARNING, "Archiver", "archive_mode is off: WAL is saved by streaming only.")]
    failed, archived = archiver["last_failed_at"], archiver["last_archived_at"]
    findings = []
    if failed and (not archived or failed > archived):
        text = f"Archiving fails since {failed:%H:%M:%S} UTC at {archiver['last_failed_wal']}."
        findings.append(Finding(CRITICAL, "Archiver", text))
    waiting = archiver["waiting_files"]
    level = at_least(waiting, READY_FILES_WARNING, READY_FILES_CRITICAL)
    findings.append(Finding(level, "Archiver", f"{waiting} WAL files wait to be archived."))
    return findings


def is_slow(statement: Values) -> bool:
    """Whether a query is slow and frequent enough to care: mean ≥ 20 ms and ≥ 100 calls."""
    return bool(statement["mean_ms"] >= SLOW_MEAN_MS and statement["calls"] >= SLOW_CALLS)


def judge_redis(values: Values, *, role: str) -> list[Finding]:
    """Judge a Redis; evictions are the cache's daily work and the broker's loss of jobs."""
    name, findings = role.capitalize(), []
    is_meant_to_fill = str(values.get("policy", "")).startswith("allkeys")
    if values["max_bytes"] and values["used_bytes"] > 0.9 * values["max_bytes"] and not is_meant_to_fill:
        findings.append(Finding(WARNING, name, "Memory is above 90 % of maxmemory."))
    if values["rejected_connections"]:
        text = f"{values['rejected_connections']} connections were refused since it was started."
        findings.append(Finding(WARNING, name, text))
    if role == "broker" and values["evicted_keys"]:
        text = f"{values['evicted_keys']} keys were evicted: jobs may be lost. Set noeviction."
        findings.append(Finding(CRITICAL, name, text))
    if role == "broker" and not values["append_only"]:
        text = "The append-only file is off: a restart forgets queued jobs until the relay brings them back."
        findings.append(Finding(WARNING, name, text))
    if values["append_only"] and not values["append_only_ok"]:
        findings.append(Finding(CRITICAL, name, "The append-only file cannot be written."))
    return findings or [Finding(OK, name, f"Answers in {values['ping_ms']:.1f} ms.")]


def judge_disk(values: Values) -> Finding:
    """Warn at 80 %, alarm at 90 % of the disk that holds Steward's folder."""
    share = values["used_bytes"] / values["total_bytes"]
    return Finding(at_least(share, 0.8, 0.9), "Disk", f"{share:.0%} of the disk is used.")
