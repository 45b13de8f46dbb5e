"""The probes of servers: what is cheap often, what is dear rarely."""

from typing import Any

from flask import current_app

from dashboard.core.config import get_settings
from dashboard.health import refreshing
from dashboard.health.queries import get_reading
from dashboard.health.server.refreshing import CERTIFICATES, refresh_certificates
from dashboard.health.storage.refreshing import BLOAT, STORAGE, refresh_bloat, refresh_storage
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR
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
    """Read pg_stat_statements (every 60 s)."""
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


@job(
    "health.probe_minute",
    title="Read log, encryption, queues and file store",
    queue="probes",
    permission="database.health.view",
    lock="health.probe_minute",
    timeout=60,
    quiet=True,
)
def probe_minute(_run: Run) -> dict[str, object]:
    """Read what changes within minutes (every 60 s), and see to the first of the rarer readings."""
    checks: dict[str, Any] = current_app.extensions.get("readiness", {})
    failed = refreshing.refresh_minute(get_settings(), checks.get("file store"))
    for key, name in FIRST.items():
        if get_reading(key) is None:  # right after the installation; later their schedules see to it
            jobs.enqueue(name, actor=SYSTEM_ACTOR)
    return {"failed": failed}


@job(
    "health.probe_storage",
    title="Read tables, indexes and sequences",
    queue="database",  # with many schemas it takes seconds
    permission="database.tables.run",
    lock="health.probe_storage",
    timeout=600,
    quiet=True,
)
def probe_storage(_run: Run) -> dict[str, object]:
    """Read the catalogue (every 15 minutes)."""
    return {"failed": refresh_storage(get_settings())}


@job(
    "health.probe_bloat",
    title="Measure bloat",
    queue="database",
    permission="database.tables.run",
    lock="health.probe_bloat",
    timeout=900,
    quiet=True,
)
def probe_bloat(_run: Run) -> dict[str, object]:
    """Measure the largest tables and indexes (every 6 hours)."""
    return {"failed": refresh_bloat(get_settings())}


@job(
    "health.probe_certificates",
    title="Read certificates",
    queue="probes",
    permission="database.server.run",
    lock="health.probe_certificates",
    timeout=60,
    quiet=True,
)
def probe_certificates(_run: Run) -> dict[str, object]:
    """Shake hands with everything that has a certificate (every hour)."""
    return {"failed": refresh_certificates(get_settings())}


FIRST = {
    STORAGE: "health.probe_storage",
    BLOAT: "health.probe_bloat",
    CERTIFICATES: "health.probe_certificates",
}
