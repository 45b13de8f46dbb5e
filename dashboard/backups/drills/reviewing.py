"""Builds what pages show of drills: how each ended and what to do, phases, the trend, the card."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from dashboard.backups import rto
from dashboard.backups.drills import queries
from dashboard.backups.drills.models import Drill, Outcome
from dashboard.core.charts import Chart, Series
from dashboard.core.filters import ago, duration
from dashboard.health.cards import Card

VIEW, RUN = "database.drills.view", "database.drills.run"
TREND = 24
# Status and words of an outcome, as badges show them.
LOOKS = {
    Outcome.RUNNING: ("running", "Running"),
    Outcome.PASSED: ("passed", "Passed"),
    Outcome.BACKUP_BROKEN: ("broken", "Backup broken"),
    Outcome.DRILL_BROKEN: ("warning", "Drill broken"),
    Outcome.CANCELLED: ("cancelled", "Cancelled"),
}
ADVICE = {
    Outcome.RUNNING: "It is under way. Its job's log shows each step as it ends.",
    Outcome.PASSED: "This backup was brought back whole, and every check passed. Nothing is to be done.",
    Outcome.BACKUP_BROKEN: "Do not count on this backup, nor on incremental ones that stand on it. Make a "
    "full backup now, drill that one, then find out what damaged the file: disk, network or somebody's hand.",
    Outcome.DRILL_BROKEN: "This says nothing about the backup, good or bad. Mend what the reason names, then "
    "drill again: until then the newest backup is unproven.",
    Outcome.CANCELLED: "Somebody cancelled it. This says nothing about the backup; drill again.",
}
ORDER = {"failed": 0, "skipped": 1, "passed": 2}


@dataclass(frozen=True)
class Segment:
    """One phase of a drill; `begins` and `share` in percent of the whole."""

    title: str
    seconds: float
    begins: float
    share: float


@dataclass(frozen=True)
class Group:
    """The checks of one subject, what went wrong first."""

    subject: str
    checks: list[dict[str, Any]]
    failed: int
    skipped: int
    seconds: float


def segments(drill: Drill) -> list[Segment]:
    """Return the phases of a drill in their order, as parts of a bar."""
    keys = [key for key in rto.TITLES if key in drill.phases]
    keys += [key for key in drill.phases if key not in rto.TITLES]
    whole, begins, found = sum(drill.phases.values()) or 1.0, 0.0, []
    for key in keys:
        share = 100 * drill.phases[key] / whole
        title = rto.TITLES.get(key, key.replace("_", " ").capitalize())
        found.append(Segment(title, drill.phases[key], round(begins, 2), round(share, 2)))
        begins += share
    return found


def back_after(drill: Drill) -> float:
    """Return the seconds until people could have worked again: all but the checks."""
    return sum(seconds for phase, seconds in drill.phases.items() if phase != "checks")


def trend(drills: Sequence[Drill]) -> Chart:
    """Seconds by phase of the drills that passed, the oldest first."""
    passed = [drill for drill in drills if drill.outcome == Outcome.PASSED][:TREND][::-1]
    titles = dict.fromkeys(segment.title for drill in passed for segment in segments(drill))
    by_title = [{segment.title: segment.seconds for segment in segments(drill)} for drill in passed]
    series = [Series(title, [found.get(title) for found in by_title]) for title in titles]
    return Chart(
        "stacked",
        "Measured restore time",
        [f"{drill.started_at:%Y-%m-%d %H:%M}" for drill in passed],
        series,
        unit="s",
        subtitle="drills that passed, by phase",
        category_title="Drill (UTC)",
        as_of=passed[-1].finished_at if passed else None,
        empty="No drill has passed yet.",
    )


def groups(drill: Drill) -> list[Group]:
    """Return the checks by subject: the cluster, then the tenants; what failed stands first."""
    rows = sorted(drill.checks, key=lambda row: (row["subject"] != "cluster", row["subject"]))
    found = []
    for subject, checks in groupby(rows, key=lambda row: str(row["subject"])):
        listed = sorted(checks, key=lambda row: ORDER.get(row["status"], 0))
        statuses = [row["status"] for row in listed]
        seconds = sum(row["seconds"] for row in listed)
        found.append(Group(subject, listed, statuses.count("failed"), statuses.count("skipped"), seconds))
    return sorted(found, key=lambda group: group.failed == 0)


def is_overdue(server: str, now: datetime | None = None) -> bool:
    """Whether no drill has passed for longer than was agreed."""
    passed = queries.find_last(server, Outcome.PASSED)
    proof = queries.read_promises().proof
    return passed is None or (now or datetime.now(UTC)) - passed.started_at > proof


def card(server: str) -> Card:
    """The last outcome and its age; red when the backup is broken or the proof too old."""
    judged = (Outcome.PASSED, Outcome.BACKUP_BROKEN, Outcome.DRILL_BROKEN)
    last = queries.find_last(server, *judged)
    status, headline, text = _summary(server, last)
    return Card("Restore drills", status, headline, text, "drills.page", VIEW)


def _summary(server: str, last: Drill | None) -> tuple[str, str, str]:
    if last is None:
        return "unverified", "No drill yet", "No backup was ever restored to prove it. Press “Drill now”."
    headline = f"{LOOKS[Outcome(last.outcome)][1]} {ago(last.started_at).striptags()}"
    if last.outcome == Outcome.BACKUP_BROKEN:
        file = f" File: {last.broken_file}." if last.broken_file else ""
        return "critical", headline, f"Backup {last.backup_id} is broken: {_short(last.reason)}{file}"
    if is_overdue(server):
        proof = queries.read_promises().proof.days
        return "critical", headline, f"Overdue: no drill has passed within {proof} days."
    if last.outcome == Outcome.DRILL_BROKEN:
        return "warning", headline, f"It says nothing about the backup. {_short(last.reason)}"
    words = f"Backup {last.backup_id} was back in {duration(last.rto_seconds)}, all checks passed."
    return "ok", headline, words


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"  # two lines of a card
