"""The probes of servers: what is cheap often, what is dear rarely."""

from dashboard.core.config import get_settings
from dashboard.health import refreshing
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "health.probe_activity",
    title="Read sessions, waits, Redis and disk",
    queue="probes",
    permission="database.health.view",
    lock="health.probe_activity",
    timeout=30,
    quiet=True,
)
def probe_activity(_run: Run) -> dict[str, object]:
    """Read what is cheap (every 10 s)."""
    failed = refreshing.refresh_activity(get_settings())
    return {"failed": failed}


@job(
    "health.probe_statements",
    title="Read slow queries",
    queue="probes",
    permission="database.health.view",
    lock="health.probe_statements",
    timeout=60,
    quiet=True,
)
def probe_statements(_run: Run) -> dict[str, object]:
    """Read pg_stat_statements and forget old samples (every 60 s)."""
    failed = refreshing.refresh_statements(get_settings())
    return {"failed": failed}


@job(
    "health.probe_inventory",
    title="Read sizes, extensions and settings",
    queue="database",  # it may take a minute: the probes of every ten seconds must not wait behind it
    permission="database.health.view",
    lock="health.probe_inventory",
    timeout=120,
    quiet=True,
)
def probe_inventory(_run: Run) -> dict[str, object]:
    """Read sizes, extensions and settings (every 15 minutes)."""
    failed = refreshing.refresh_inventory(get_settings())
    return {"failed": failed}
