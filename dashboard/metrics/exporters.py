"""Says on `/metrics` what this layer knows: the newest figures, the rounds themselves, and the jobs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from dashboard.core.db import db
from dashboard.jobs.models import JobRun, RunStatus, ScheduleState
from dashboard.metrics import queries
from dashboard.metrics.exposition import Family, metric_name
from dashboard.metrics.probes import TIERS, columns_of, list_probes, series_of
from dashboard.metrics.rates import SHARES

ROUNDS = 3  # a figure older than so many rounds is not said any more: absent is honest, old is not
UNITS = {1.0: "per second", 60.0: "per minute"}


def figures() -> Iterable[Family]:
    """Return the newest value of every series, named after it; what has no fixed name under one name."""
    known = _known()
    families: dict[str, Family] = {}
    for newest in queries.list_newest(_oldest()):
        for name, value in newest.values.items():
            if name in known:
                family = families.setdefault(name, Family(metric_name(name), known[name]))
                family.add(value, server=newest.source)
            else:
                other = families.setdefault("", Family("steward_series", "The newest value of a series."))
                other.add(value, source=newest.source, series=name)
    return families.values()


def _oldest() -> dict[str, datetime]:
    """Return since when a figure of each tier is fresh."""
    now = datetime.now(UTC)
    return {tier: now - timedelta(seconds=ROUNDS * seconds) for tier, seconds in TIERS.items()}


def _known() -> dict[str, str]:
    """Return what the probes' series mean, by name."""
    found = {}
    for tier in TIERS:
        for probe in list_probes(tier):
            for column in columns_of(probe):
                name, times = series_of(column)
                unit = UNITS[times] if times else "now"
                found[name] = f"{name} {unit}, read every {tier} by probe {probe.name}."
    return found | {name: f"{part} as a share of {part} and {rest}." for name, (part, rest) in SHARES.items()}


def rounds() -> Iterable[Family]:
    """Return how the probes themselves fare."""
    up = Family("steward_server_up", "Whether the last round of this tier was answered.")
    age = Family("steward_sample_age_seconds", "Seconds since the last good round of this tier.")
    cost = Family("steward_probe_cost_ms", "Milliseconds of server time the last round of this tier took.")
    now = datetime.now(UTC)
    for row in queries.list_sources():
        labels = {"server": row.source, "tier": row.tier}
        up.add(0 if row.error else 1, **labels)
        age.add((now - row.taken_at).total_seconds() if row.taken_at else None, **labels)
        cost.add(sum(row.costs.get("probes", {}).values()) if row.costs else None, **labels)
    return [up, age, cost]


def jobs() -> Iterable[Family]:
    """Return how many runs wait or run, what failed of late, and when each schedule last ran."""
    active = Family("steward_job_runs", "Runs that are queued, waiting or running, by queue.")
    states = (RunStatus.QUEUED, RunStatus.WAITING, RunStatus.RUNNING)
    query = select(JobRun.queue, JobRun.status, func.count()).where(JobRun.status.in_(states))
    for queue, status, count in db.session.execute(query.group_by(JobRun.queue, JobRun.status)):
        active.add(count, queue=queue, status=str(status))
    return [active, _failed_today(), *_schedules()]


def _failed_today() -> Family:
    family = Family("steward_job_failures_last_day", "Runs that failed or were lost in the last 24 hours.")
    since = datetime.now(UTC) - timedelta(days=1)
    bad = JobRun.status.in_((RunStatus.FAILED, RunStatus.LOST)), JobRun.enqueued_at > since
    family.add(db.session.scalar(select(func.count()).select_from(JobRun).where(*bad)))
    return family


def _schedules() -> list[Family]:
    ran = Family("steward_schedule_last_run_timestamp_seconds", "When a timed job last began.")
    good = Family("steward_schedule_last_run_succeeded", "Whether a timed job's last run succeeded.")
    for state in db.session.scalars(select(ScheduleState).where(ScheduleState.is_declared)):
        if state.last_run_at:
            ran.add(state.last_run_at.timestamp(), schedule=state.name)
            good.add(state.last_status == RunStatus.SUCCEEDED, schedule=state.name)
    return [ran, good]
