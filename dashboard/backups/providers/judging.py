"""Judges a managed instance against the promises. Pure: from what RDS said, and the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from dashboard.backups.barman import CheckResult
from dashboard.backups.providers.rds import created_at
from dashboard.backups.window import Window
from dashboard.core.filters import duration

DAY = timedelta(hours=24)
SLACK = timedelta(minutes=20)  # a snapshot begins when the queue lets it, and takes a while
LONGEST_RETENTION = 35  # days, the most RDS keeps
QUOTA_LEFT = 10


@dataclass(frozen=True)
class Promised:
    """What is promised: loss, days one can go back, time between two backups."""

    rpo: timedelta
    retention_days: int
    every: timedelta = timedelta(hours=1)


def judge(
    instance: dict[str, Any],
    snapshots: Sequence[dict[str, Any]],
    window: Window,
    promised: Promised,
    now: datetime,
) -> list[CheckResult]:
    """Return what must hold, with what to do where it does not."""
    return [
        _available(instance),
        _automated(instance, promised),
        _reaches(window, promised, now),
        _hourly(snapshots, promised, now),
        _encrypted(instance),
        _protected(instance),
    ]


def _available(instance: dict[str, Any]) -> CheckResult:
    state = str(instance.get("DBInstanceStatus", "unknown"))
    return CheckResult("instance", state in {"available", "backing-up"}, f"RDS says {state}")


def _automated(instance: dict[str, Any], promised: Promised) -> CheckResult:
    days = int(instance.get("BackupRetentionPeriod") or 0)
    wanted = min(promised.retention_days, LONGEST_RETENTION)
    if not days:
        hint = f"automated backups are off, nothing can be restored to a moment: set {wanted} days"
    elif days < wanted:
        hint = f"RDS keeps {days} days, {promised.retention_days} are promised: set {wanted}"
    else:
        hint = f"RDS keeps {days} days"
    return CheckResult("automated backups", days >= wanted, hint)


def _reaches(window: Window, promised: Promised, now: datetime) -> CheckResult:
    if window.until_at is None:
        return CheckResult("point in time", passed=False, hint="there is no moment to restore to")
    behind = now - window.until_at
    words = f"the latest restorable moment is {duration(behind)} ago, {duration(promised.rpo)} is promised"
    return CheckResult("point in time", behind <= promised.rpo, words)


def _hourly(snapshots: Sequence[dict[str, Any]], promised: Promised, now: datetime) -> CheckResult:
    """Find the longest stretch without a snapshot in the last 24 hours."""
    taken = sorted(created_at(one) for one in snapshots if one.get("Status") == "available")
    if not taken:
        return CheckResult("hourly snapshots", passed=False, hint="there is no snapshot at all")
    begin = max(now - DAY, taken[0])
    moments = [begin, *(moment for moment in taken if moment > begin), now]
    gap, at = max((later - earlier, earlier) for earlier, later in pairwise(moments))
    count = sum(moment >= begin for moment in taken)
    words = f"{count} in the last {duration(now - begin)}"
    if gap <= promised.every + SLACK:
        return CheckResult("hourly snapshots", passed=True, hint=words)
    words += f"; none for {duration(gap)} from {at:%d %b %H:%M} UTC"
    return CheckResult("hourly snapshots", passed=False, hint=words)


def _encrypted(instance: dict[str, Any]) -> CheckResult:
    hint = "" if instance.get("StorageEncrypted") else "copy a snapshot with a KMS key and restore from it"
    return CheckResult("storage encrypted", bool(instance.get("StorageEncrypted")), hint)


def _protected(instance: dict[str, Any]) -> CheckResult:
    on = bool(instance.get("DeletionProtection"))
    hint = "" if on else "deleting the instance deletes its automated backups: turn protection on"
    return CheckResult("deletion protection", on, hint)
