"""Judges machine, pools, queues and file store. Pure."""

from collections.abc import Mapping
from typing import Any

from dashboard.core.filters import bytes_, duration, percent
from dashboard.health.judging import CRITICAL, OK, WARNING, Finding, at_least

Values = Mapping[str, Any]
MEMORY_WARNING, MEMORY_CRITICAL = 0.9, 0.97


def judge_machine(values: Values) -> list[Finding]:
    """Judge memory and every disk that holds something of ours."""
    used = 1 - values["memory_free_bytes"] / values["memory_bytes"]
    level = at_least(used, MEMORY_WARNING, MEMORY_CRITICAL)
    text = f"{percent(used, 0)} of the memory of {values['name']} is in use."
    disks = [_disk(disk) for disk in values["disks"]]
    return [Finding(level, "Machine", text), *(finding for finding in disks if finding.level != OK)]


def _disk(disk: Values) -> Finding:
    share = disk["used_bytes"] / disk["total_bytes"]
    free = bytes_(disk["total_bytes"] - disk["used_bytes"])
    text = f"{percent(share, 0)} of {disk['mount']} ({', '.join(disk['holds'])}) is used, {free} are free."
    return Finding(at_least(share, 0.8, 0.9), "Disk", text)


def judge_pools(values: Values) -> list[Finding]:
    """Judge the pools of PgBouncer: nobody should have to wait for a server connection."""
    rows = [row for row in values["pools"] if row["clients_waiting"]]
    if not rows:
        return [Finding(OK, "PgBouncer", "Nobody waits for a server connection.")]
    worst = max(rows, key=lambda row: row["longest_wait"])
    waiting = sum(row["clients_waiting"] for row in rows)
    text = f"{waiting} clients wait, the longest for {duration(worst['longest_wait'])}"
    level = CRITICAL if worst["longest_wait"] >= 5 else WARNING
    return [Finding(level, "PgBouncer", f"{text} ({worst['database']}, {worst['user']}).")]


def judge_queues(values: Values) -> list[Finding]:
    """Judge queues: work that nobody can take."""
    lonely = [row["name"] for row in values["queues"] if not row["workers"]]
    if not lonely:
        return []
    names = ", ".join(lonely)
    return [Finding(CRITICAL, "Queues", f"No worker takes work from {names}.")]
