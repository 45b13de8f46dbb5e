"""Builds what pages show of failovers: how each ended, what to do, its steps as a picture, trends, card."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from dashboard.core.charts import Chart, Series
from dashboard.core.config import Settings
from dashboard.core.filters import ago, duration
from dashboard.failover import queries
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.health.cards import Card

VIEW, RUN = "database.failover.view", "database.failover.run"
TREND = 24
LEAST_SHARE = 0.6  # percent: a step that took no time is still seen
KINDS = {Kind.REHEARSAL: "Rehearsal", Kind.SWITCHOVER: "Switchover", Kind.PROMOTION: "Promotion"}
LOOKS = {
    Status.RUNNING: ("running", "Under way"),
    Status.DONE: ("done", "Done"),
    Status.FAILED: ("failed", "Failed"),
    Status.BROKEN: ("warning", "Broke off"),
}
TRIAL_LOOKS = {
    Status.RUNNING: ("running", "Under way"),
    Status.DONE: ("passed", "Passed"),
    Status.FAILED: ("failed", "Failover failed"),
    Status.BROKEN: ("warning", "Rehearsal broken"),
}
TRIAL_ADVICE = {
    Status.RUNNING: "It is under way. The live cluster has no part in it beyond being copied.",
    Status.DONE: "The standby took over, no check found anything wrong. Nothing is to be done.",
    Status.FAILED: "In earnest this failover would have gone the same way. The steps and checks say where it "
    "failed: mend that, then rehearse again. Until then count on a restore from backup.",
    Status.BROKEN: "This says nothing about a failover, good or bad. Mend what the reason names, then "
    "rehearse again.",
}
ADVICE = {
    Status.RUNNING: "It is under way and goes on without this page.",
    Status.DONE: "The new primary takes writes. See on Replication that every standby follows it.",
    Status.FAILED: "It did not come to its end. The reason says what each server is now, the runbook how "
    "to go on. The same change asked again goes on where this one ended.",
    Status.BROKEN: "Nobody works on it any more. See on Replication who takes writes, then ask for it again.",
}
STEPS = {
    "choose": "Choose",
    "copy": "Copy",
    "catch_up": "Catch up",
    "cut": "Cut off",
    "pair": "Second copy",
    "write": "Write",
    "lose": "Lose the primary",
    "detect": "Notice",
    "promote": "Promote",
    "first_write": "First write",
    "checks": "Checks",
    "tear_down": "Tear down",
    "check": "Look",
    "fence": "Fence",
    "stop": "Stop the old one",
    "last_wal": "Last WAL",
    "rejoin": "Rejoin",
    "follow": "Others follow",
    "lead": "New leader",
    "ask": "Ask",
    "backup": "Backup",
    "barman": "Barman",
}
ORDER = {"failed": 0, "skipped": 1, "passed": 2}


@dataclass(frozen=True)
class Bar:
    """A step in the picture; `begins` and `share` in percent of the whole."""

    name: str
    title: str
    began_at: datetime
    seconds: float
    text: str
    state: str
    begins: float
    share: float


@dataclass(frozen=True)
class Group:
    """The checks of one subject, what went wrong first."""

    subject: str
    checks: list[dict[str, Any]]
    failed: int


def look(row: Rehearsal) -> tuple[str, str]:
    """Return status and words for a badge."""
    return (TRIAL_LOOKS if row.kind == Kind.REHEARSAL else LOOKS)[Status(row.status)]


def advice(row: Rehearsal) -> str:
    """Say what is to be done about it."""
    return (TRIAL_ADVICE if row.kind == Kind.REHEARSAL else ADVICE)[Status(row.status)]


def title_of(step: str) -> str:
    """Return what a step is called."""
    return STEPS.get(step, step.replace("_", " ").capitalize())


def bars(row: Rehearsal, now: datetime | None = None) -> list[Bar]:
    """Return the steps where they lie in time; one under way reaches to now."""
    if not row.steps:
        return []
    now = now or datetime.now(UTC)
    spans = []
    for step in row.steps:
        began = datetime.fromisoformat(step["began_at"])
        is_open = step["state"] == "running"
        seconds = max((now - began).total_seconds(), 0.0) if is_open else float(step["seconds"])
        spans.append((step, began, seconds))
    first = min(began for _, began, _ in spans)
    last = max(began + timedelta(seconds=seconds) for _, began, seconds in spans)
    whole = max((last - first).total_seconds(), 0.001)
    return [_bar(step, began, seconds, first, whole) for step, began, seconds in spans]


def _bar(step: dict[str, Any], began: datetime, seconds: float, first: datetime, whole: float) -> Bar:
    share = max(100 * seconds / whole, LEAST_SHARE)
    begins = min(100 * (began - first).total_seconds() / whole, 100 - share)
    return Bar(
        step["name"],
        title_of(step["name"]),
        began,
        seconds,
        step["text"],
        step["state"],
        round(max(begins, 0.0), 2),
        round(share, 2),
    )


def groups(row: Rehearsal) -> list[Group]:
    """Return the checks by subject: what failed first, then the cluster, then the tenants."""
    found: list[dict[str, Any]] = row.report.get("checks") or []
    rows = sorted(found, key=lambda one: (one["subject"] != "cluster", one["subject"]))
    listed = []
    for subject, checks in groupby(rows, key=lambda one: str(one["subject"])):
        ordered = sorted(checks, key=lambda one: ORDER.get(one["status"], 0))
        listed.append(Group(subject, ordered, sum(one["status"] == "failed" for one in ordered)))
    return sorted(listed, key=lambda group: group.failed == 0)


def outages(rows: Sequence[Rehearsal]) -> Chart:
    """Seconds without writes, failover by failover, the oldest first."""
    measured = [row for row in rows if row.outage_ms is not None][:TREND][::-1]
    kinds = [kind for kind in Kind if any(row.kind == kind for row in measured)]
    series = [
        Series(KINDS[kind], [_seconds(row) if row.kind == kind else None for row in measured])
        for kind in kinds
    ]
    return Chart(
        "bar",
        "Time without writes",
        [f"{row.started_at:%Y-%m-%d %H:%M}" for row in measured],
        series,
        unit="s",
        subtitle="from the last acknowledged commit to the next one, as a client saw it",
        category_title="Failover (UTC)",
        empty="No outage was measured yet.",
    )


def durations(rows: Sequence[Rehearsal]) -> Chart:
    """Seconds by step of the rehearsals that passed, the oldest first."""
    passed = [row for row in rows if row.kind == Kind.REHEARSAL and row.status == Status.DONE][:TREND][::-1]
    by_step = [{step["name"]: float(step["seconds"]) for step in row.steps} for row in passed]
    names = dict.fromkeys(name for found in by_step for name in found)
    return Chart(
        "stacked",
        "What a rehearsal takes",
        [f"{row.started_at:%Y-%m-%d %H:%M}" for row in passed],
        [Series(title_of(name), [found.get(name) for found in by_step]) for name in names],
        unit="s",
        subtitle="rehearsals that passed, by step",
        category_title="Rehearsal (UTC)",
        empty="No rehearsal has passed yet.",
    )


def _seconds(row: Rehearsal) -> float | None:
    return None if row.outage_ms is None else round(row.outage_ms / 1000, 3)


def is_overdue(now: datetime | None = None) -> bool:
    """Whether the proof that a failover works is older than was agreed."""
    due = queries.find_due()
    return due is not None and (now or datetime.now(UTC)) > due


def expects_failover(settings: Settings) -> bool:
    """Whether there is anybody to fail over to."""
    return bool(settings.standbys or settings.patroni_url)


def card(settings: Settings) -> Card:
    """The last proof and its age; red when the last try failed or the proof is too old."""
    status, headline, text = _summary(settings)
    return Card("Failover", status, headline, text, "failover.page", VIEW)


def _summary(settings: Settings) -> tuple[str, str, str]:
    if not expects_failover(settings):
        return "none", "Nobody to fail over to", "No standby is expected: a lost primary means a restore."
    last = queries.find_last(*queries.PROOFS)
    if last is None:
        return (
            "unverified",
            "Never rehearsed",
            "Nobody knows whether a standby can take over. Press “Rehearse”.",
        )
    headline = f"{KINDS[Kind(last.kind)]}: {look(last)[1].lower()} {ago(last.started_at).striptags()}"
    if last.status == Status.FAILED:
        return "critical", headline, _short(last.error)
    if is_overdue():
        return (
            "critical",
            headline,
            f"Overdue: nothing was shown within {queries.read_promises().proof.days} days.",
        )
    if last.status == Status.BROKEN:
        return "warning", headline, f"It says nothing about a failover. {_short(last.error)}"
    seconds = _seconds(last)
    outage = "Outage not measured" if seconds is None else f"Writes were back after {duration(seconds)}"
    lost = "unknown" if last.lost_rows is None else last.lost_rows
    return "ok", headline, f"{outage}; acknowledged rows lost: {lost}."


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"  # two lines of a card
