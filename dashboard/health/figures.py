"""The figures of the health page: each with its verdict, why it matters and what to do. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.core.filters import ago, bytes_, duration, number, percent
from dashboard.health.advice import ADVICE
from dashboard.health.judging import OK, XIDS, Finding, hit_rate, worst

Values = Mapping[str, Any]
REQUESTED = "Checkpoints asked for by WAL come in bursts of writing."
WHERE = "Steward's jobs run, not the ERP server"
RAISE_WAL = "When most are asked for, raise max_wal_size."


@dataclass(frozen=True)
class Figure:
    """One number. `value` is None where nothing is known; `status` '' where no threshold is set."""

    title: str
    value: str | None
    note: str = ""
    status: str = ""
    why: str = ""
    action: str = ""
    endpoint: str = ""


def list_figures(
    activity: Values, now: Values, machine: Values, sizes: Values, found: Sequence[Finding]
) -> list[Figure]:
    """Build the figures from stored values; an empty one means that nothing was read yet."""
    figures = [
        *_sessions(activity, now),
        *_work(activity),
        *_memory(activity, sizes),
        *_machine(machine),
        *_writing(activity),
    ]
    return [_judged(figure, found) for figure in figures]


TOPICS = {
    "Connections": "Connections",
    "Longest transaction": "Long transaction",
    "Waiting for locks": "Blocked",
    "Transactions per second": "Rollbacks",
    "Deadlocks": "Deadlocks",
    "Cache hit rate": "Shared buffers",
    "Index hit rate": "Shared buffers",
    "Processor": "Machine",
    "Memory": "Machine",
    "Disk": "Disk",
    "WAL on the server": "Archiver",
    "Archiver": "Archiver",
    "Transactions left": "Wraparound",
}


def _judged(figure: Figure, found: Sequence[Finding]) -> Figure:
    """Add the verdict of the findings on the same topic, and its advice."""
    topic = TOPICS.get(figure.title)
    if topic is None:
        return figure
    of_topic = [one for one in found if one.topic == topic and one.level != "unknown"]
    advice = ADVICE[topic]
    return Figure(
        figure.title,
        figure.value,
        figure.note,
        "" if figure.value is None or figure.title == "Processor" else worst(of_topic) if of_topic else OK,
        advice.why,
        advice.action,
        advice.endpoint,
    )


def _sessions(activity: Values, now: Values) -> list[Figure]:
    server, sessions = activity.get("server") or {}, activity.get("sessions") or []
    transactions, waits = activity.get("transactions") or [], activity.get("waits") or []
    used = sum(row["sessions"] for row in sessions)
    states = ", ".join(f"{row['sessions']} {row['state']}" for row in sessions)
    locks = [row for row in waits if row["event"] != "SyncRep"]
    longest = transactions[0] if transactions else None
    known = bool(activity)
    return [
        Figure("Connections", f"{used} of {server['max_connections']}" if known else None, states),
        Figure(
            "Longest transaction",
            (duration(longest["transaction_seconds"]) if longest else "none open") if known else None,
            f"{longest['role']}, {longest['state']}" if longest else "",
        ),
        Figure(
            "Waiting for locks",
            str(len(locks)) if known else None,
            f"the longest for {duration(max(row['seconds'] for row in locks))}" if locks else "nobody waits",
        ),
        Figure(
            "Prepared transactions",
            str(len(now["prepared"])) if now else None,
            why=ADVICE["Prepared transactions"].why,
            action=ADVICE["Prepared transactions"].action,
            endpoint="activity.page",
        ),
    ]


def _work(activity: Values) -> list[Figure]:
    rates, minute = activity.get("rates") or {}, activity.get("minute") or {}
    counters, share = activity.get("counters") or {}, minute.get("rollback_share")
    tps = rates.get("tps")
    return [
        Figure(
            "Transactions per second",
            None if tps is None else number(tps, 1),
            "" if share is None else f"{percent(share)} rolled back in the last minute",
        ),
        Figure(
            "Deadlocks",
            None if not minute else number(minute["deadlocks_per_minute"]),
            f"in the last minute; {number(counters.get('deadlocks', 0))} since the counters began",
        ),
        Figure(
            "Temporary files",
            None if not minute else f"{bytes_(minute.get('temp_bytes_per_second', 0))}/s",
            f"{bytes_(counters.get('temp_bytes', 0))} since the counters began",
            why="A sort or hash that does not fit into work_mem is written to disk.",
            action="See which query writes them; give it an index, or work_mem for its role.",
        ),
    ]


def _memory(activity: Values, sizes: Values) -> list[Figure]:
    counters, totals = activity.get("counters") or {}, sizes.get("totals") or {}
    cache = hit_rate(counters.get("blocks_hit"), counters.get("blocks_read"))
    index = hit_rate(totals.get("index_blocks_hit"), totals.get("index_blocks_read"))
    lately = (activity.get("minute") or {}).get("hit_rate")
    server = activity.get("server") or {}
    left = f"{(XIDS - server['oldest_xid_age']) / 1e9:.2f} billion" if server else None
    return [
        Figure(
            "Cache hit rate",
            None if cache is None else percent(cache),
            "of block reads" if lately is None else f"{percent(lately)} in the last minute",
        ),
        Figure("Index hit rate", None if index is None else percent(index), "of reads of index blocks"),
        Figure("Transactions left", left, "before wraparound"),
        Figure(
            "Database size",
            bytes_(totals["database_bytes"]) if totals else None,
            str(server.get("database", "")),
            why="What it takes decides how long backups and restores take.",
            action="See which tables grow.",
            endpoint="tables.page",
        ),
    ]


def _machine(machine: Values) -> list[Figure]:
    busy, wait = machine.get("busy_share"), machine.get("wait_share")
    whose = ""
    if machine:
        runs = "Steward and the ERP server run" if machine["hosts_erp"] else WHERE
        whose = f"{machine['name']}, where {runs}"
    used = 1 - machine["memory_free_bytes"] / machine["memory_bytes"] if machine else None
    disks = machine.get("disks") or []
    fullest = max(disks, key=lambda row: row["used_bytes"] / row["total_bytes"], default=None)
    share = fullest["used_bytes"] / fullest["total_bytes"] if fullest else None
    waits = "" if wait is None else f", {percent(wait, 0)} waits for the disk"
    return [
        Figure("Processor", None if busy is None else percent(busy, 0), f"{whose}{waits}"),
        Figure("Memory", None if used is None else percent(used, 0), whose),
        Figure("Disk", None if share is None else percent(share, 0), fullest["mount"] if fullest else ""),
    ]


def _writing(activity: Values) -> list[Figure]:
    archiver, checkpoints = activity.get("archiver") or {}, activity.get("checkpoints") or {}
    both = checkpoints.get("timed", 0) + checkpoints.get("requested", 0)
    last = archiver.get("last_archived_at")
    server = activity.get("server") or {}
    return [
        Figure("WAL on the server", bytes_(archiver["wal_bytes"]) if archiver else None, "in pg_wal"),
        Figure(
            "Archiver",
            f"{archiver['waiting_files']} files wait" if archiver else None,
            f"last archived {ago(last).striptags()}" if last else "nothing archived yet",
        ),
        Figure(
            "Checkpoints",
            percent(checkpoints["requested"] / both, 0) if both else None,
            f"of {number(both)} were asked for, not due by the clock" if both else "",
            why=REQUESTED,
            action=RAISE_WAL,
        ),
        Figure(
            "Running since",
            ago(server["started_at"]).striptags() if server else None,
            f"PostgreSQL {server['version']}" if server else "",
            why="After a restart the cache is cold; one that nobody asked for was a crash.",
            action="The server's log says why it started.",
            endpoint="server.page",
        ),
    ]
