"""Clauses over running it: somebody looks, somebody is told, work is done, and the figures are confirmed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from dashboard.alerts import queries as alerts
from dashboard.compliance.evidence import live, missing
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import plain_length
from dashboard.compliance.looking import CHAINS
from dashboard.compliance.registry import Area, Link, State, Verdict, figures, promise
from dashboard.core.db import db
from dashboard.health.models import Reading
from dashboard.health.refreshing import ACTIVITY, BROKER, CACHE, DISK, INVENTORY
from dashboard.jobs.models import ScheduleState
from dashboard.jobs.slots import previous_slot
from dashboard.replication.service import READING as REPLICATION
from dashboard.settings.queries import CONFIRMED, OLD

WATCHED = (ACTIVITY, BROKER, CACHE, DISK, REPLICATION, INVENTORY)
# Timed jobs without which a promise rests on nothing, by name in dashboard/schedule.py.
NEEDED = (
    *("backups.hourly", "backups.verify", "backups.drill", "backups.cron", "copies.daily", "alerts.evaluate"),
    *("backups.rpo", "replication.probe", "health.activity", "tenants.isolation", "compliance.judge"),
)
UUID = "uuid-ossp"
EXTENSIONS = (UUID, "pg_stat_statements")
LATE = timedelta(minutes=10)  # a job that is behind on its queue is not a job that stands still
FEW = 4


@promise(
    "operations.watching",
    area=Area.OPERATIONS,
    title="The database is watched all the time",
    why="What nobody reads, nobody sees break. All other promises rest on these readings.",
    fix="Look at queues and workers: a dead worker or broker, or a probe that hangs.",
    page="health.page",
    job="health.probe_activity",
    proof="Read now",
)
def watching(facts: Facts) -> Verdict:
    """Whether the probes have answered lately."""
    found = live(facts, ACTIVITY, "The reading of the primary")
    rows = [row for key in WATCHED if (row := facts.reading(key))]
    late = [row for row in rows if row.taken_at is None or facts.now - row.taken_at > 3 * row.interval]
    if isinstance(found, Verdict) and found.evidence_at is None:
        return found
    value = f"{len(rows) - len(late)} of {len(WATCHED)} probes are in time"
    base = found if isinstance(found, Verdict) else found.says(State.KEPT, value)
    if base.state is not State.KEPT:
        return base
    if late or len(rows) < len(WATCHED):
        return base.but(State.AT_RISK, f"Not in time: {', '.join(_late(facts, late, rows))}.")
    return base


def _late(facts: Facts, late: list[Reading], rows: list[Reading]) -> list[str]:
    known = {row.key for row in rows}
    never = [f"{key} (never read)" for key in WATCHED if key not in known]
    return never + [f"{row.key} ({_since(facts, row.taken_at)})" for row in late]


def _since(facts: Facts, moment: datetime | None) -> str:
    return f"{plain_length(facts.age(moment))} ago" if moment else "never read"


@promise(
    "operations.alerts",
    area=Area.OPERATIONS,
    title="Alert rules are judged all the time",
    why="An alert that comes in the morning is a report.",
    fix="Look at the scheduler and the workers: they judge the rules every ten seconds.",
    page="alerts.page",
    job="alerts.evaluate",
    proof="Judge now",
)
def judged(_facts: Facts) -> Verdict:
    """When the rules were last judged, and of how many nothing is known."""
    at = alerts.evaluated_at()
    if at is None:
        return missing("The rules have never been judged: that begins with the workers.")
    known = alerts.list_alerts()
    doubts = [row for row in known if row.unknown_at is not None and not row.subject]
    firing = alerts.count_firing()
    value = f"{sum(not row.subject for row in known)} rules, {firing.total} firing"
    limits = {"good_for": timedelta(minutes=1), "lost_after": timedelta(minutes=15)}
    found = Verdict(State.KEPT, value, "", at, "The last round of judging", Link("alerts.page"), **limits)
    if doubts:
        names = ", ".join(row.rule for row in doubts[:FEW])
        return found.but(State.AT_RISK, f"Of {len(doubts)} rules nothing is known now: {names}.")
    return found


@promise(
    "operations.schedules",
    area=Area.OPERATIONS,
    title="Backups, drills, verifications and probes run by themselves, at their times",
    why="What a person has to remember is forgotten in the week it is needed.",
    fix="Resume the schedule that is paused; read the last run of the one that fails.",
    page="jobs.schedules",
)
def schedules(facts: Facts) -> Verdict:
    """Whether the timed jobs that promises rest on are there, not paused, and in time."""
    rows = {row.name: row for row in db.session.scalars(select(ScheduleState)) if row.is_declared}
    if not rows:
        return missing("No schedule is known yet: the scheduler writes them when it starts.")
    wrong = [text for name in NEEDED if (text := _trouble(facts, rows.get(name), name))]
    ran = max((row.last_run_at for row in rows.values() if row.last_run_at), default=None)
    value = f"{len(rows)} timed jobs"
    link = Link("jobs.schedules")
    found = Verdict(State.KEPT, value, "", ran, "The last timed run", link, LATE, timedelta(hours=24))
    if wrong:
        return found.but(State.BROKEN, " ".join(wrong))
    if ran is None:
        return found.but(State.UNKNOWN, "None of them has run yet.")
    failed = [row.name for name in NEEDED if (row := rows[name]).last_status in {"failed", "lost"}]
    return found.but(State.AT_RISK, f"The last run failed of: {', '.join(failed)}.") if failed else found


def _trouble(facts: Facts, row: ScheduleState | None, name: str) -> str:
    if row is None:
        return f"{name} is not there."
    if row.paused:
        return f"{name} was paused by {row.paused_by or 'somebody'}."
    due = previous_slot(row, facts.now)
    is_new = row.created_at > due  # it has not been there at its time
    if is_new or (row.last_slot and row.last_slot >= due) or facts.now - due < LATE:
        return ""
    return f"{name} was due at {due.astimezone(UTC):%-d %b %H:%M} UTC and was not run."


@promise(
    "operations.broker",
    area=Area.OPERATIONS,
    title="The broker keeps its queues through a restart, and drops nothing when memory is short",
    why="A queued job is a promise to whoever asked for it.",
    fix="Set appendonly yes and maxmemory-policy noeviction; look at the disk when writing fails.",
    page="health.page",
    job="health.probe_activity",
    proof="Read now",
)
def broker(facts: Facts) -> Verdict:
    """Persistence and eviction of the broker."""
    found = live(facts, BROKER, "The reading of the broker")
    if isinstance(found, Verdict):
        return found
    values = found.values
    if not values["append_only"]:
        return found.says(State.BROKEN, "Not persistent", "Its append-only file is off.")
    if not values["append_only_ok"]:
        return found.says(State.BROKEN, "Not persistent", "It cannot write its append-only file.")
    if values["max_bytes"] and values["policy"] != "noeviction":
        text = f"When memory is short it drops keys ({values['policy']}): jobs may vanish."
        return found.says(State.BROKEN, f"Limit, {values['policy']}", text)
    return found.says(State.KEPT, "Its append-only file is on and written")


@promise(
    "operations.extensions",
    area=Area.OPERATIONS,
    title=f"The extensions the strategy names are there: {', '.join(EXTENSIONS)}",
    why="Without pg_stat_statements nobody knows which query is slow; uuid-ossp makes keys for integrations.",
    fix="Enable what is available on the health page; install what is not with the packages of PostgreSQL.",
    page="health.page",
    job="health.probe_inventory",
    proof="Read now",
)
def extensions(facts: Facts) -> Verdict:
    """The named extensions; pg_cron is named too, but Steward times its jobs itself."""
    found = live(facts, INVENTORY, "The reading of extensions")
    if isinstance(found, Verdict):
        return found
    rows = {row["name"]: row for row in found.values["extensions"]}
    missed = [name for name in EXTENSIONS if not rows.get(name, {}).get("installed")]
    preloaded = _setting(found.values, "shared_preload_libraries")
    installed = [f"{name} {row['installed']}" for name, row in rows.items() if row["installed"]]
    value = ", ".join(installed[:FEW]) or "None"
    away = [name for name in missed if not rows.get(name, {}).get("available")]
    if missed and missed == away == [UUID]:
        text = f"{UUID} is not available on this server; gen_random_uuid() of PostgreSQL itself is."
        return found.says(State.AT_RISK, value, text)
    if missed:
        how = [f"{name} is {_lacks(rows.get(name))}" for name in missed]
        return found.says(State.BROKEN, value, f"{'; '.join(how)}.")
    if "pg_stat_statements" not in preloaded:
        return found.says(State.BROKEN, value, "pg_stat_statements is not in shared_preload_libraries.")
    return found.says(State.KEPT, value)


def _lacks(row: dict[str, Any] | None) -> str:
    return "available, not installed" if row and row["available"] else "not available on this server"


def _setting(values: dict[str, Any], name: str) -> str:
    return next((str(row["value"]) for row in values["settings"] if row["name"] == name), "")


@promise(
    "operations.confirmed",
    area=Area.OPERATIONS,
    title="The business has confirmed every figure that is promised, within the last year",
    why="A promise nobody confirmed is only a default of the product.",
    fix="Ask the owner of each figure, then enter name and day under Administration, Settings.",
    page="settings.index",
)
def confirmed(facts: Facts) -> Verdict:
    """The figures of promises: who confirmed them, and when."""
    held = [facts.setting(key) for key in figures()]
    states = [one.state for one in held]
    days = [one.confirmed_on for one in held if one.confirmed_on]
    at = datetime.combine(min(days), datetime.min.time(), UTC) if days else None
    value = f"{states.count(CONFIRMED)} of {len(held)} figures are confirmed"
    found = Verdict(State.KEPT, value, "", at, "The oldest confirmation", Link("settings.index"))
    if OLD in states:
        names = [one.definition.title for one in held if one.state == OLD]
        return found.but(State.BROKEN, f"Confirmed more than a year ago: {'; '.join(names[:FEW])}.")
    if not days:
        return found.but(State.UNKNOWN, "Nobody has confirmed any of them: they are defaults.")
    if len(days) < len(held):
        names = [one.definition.title for one in held if one.state != CONFIRMED]
        return found.but(State.AT_RISK, f"Not confirmed: {'; '.join(names[:FEW])}.")
    return found


@promise(
    "operations.evidence",
    area=Area.OPERATIONS,
    title="Evidence is only ever added to: reports and statements are as they were sealed",
    why="Evidence that could have been rewritten proves nothing to an auditor.",
    fix="Keep everything as it is, restore a dump of the control database beside it, and compare.",
    page="evidence.reports",
    job="compliance.follow",
    proof="Follow the chains now",
)
def evidence(facts: Facts) -> Verdict:
    """Both chains, as they were last followed from the first link to the last."""
    found = live(facts, CHAINS, "The last walk along the chains")
    if isinstance(found, Verdict):
        return found
    rows = found.reading.data["chains"]
    value = ", ".join(f"{row['links']} {row['name']}s" for row in rows)
    broken = [f"{row['name'].capitalize()} {row['number']}: {row['reason']}" for row in rows if row["reason"]]
    state = State.BROKEN if broken else State.KEPT
    return found.says(state, value, " ".join(broken), Link("evidence.reports"))
