"""The timed work on figures: the slower tiers of probes, rolling up, and the partitions."""

from datetime import UTC, datetime

from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.metrics import partitions, rolling, sampling
from dashboard.metrics.models import MetricRound
from dashboard.metrics.probes import MINUTE, QUARTER

VIEW = "database.metrics.view"


def _sample(tier: str) -> dict[str, object]:
    return {"failed": sampling.sample(sampling.targets(get_settings()), tier)}


@job(
    "metrics.sample_minute",
    title="Sample what is read every minute",
    queue="probes",
    permission=VIEW,
    lock="metrics.sample_minute",
    timeout=60,
    quiet=True,
)
def sample_minute(_run: Run) -> dict[str, object]:
    """Read wraparound, WAL files, encryption (every minute)."""
    return _sample(MINUTE)


@job(
    "metrics.sample_quarter",
    title="Sample what is read every 15 minutes",
    queue="database",  # it may take a while: the probes of every ten seconds must not wait behind it
    permission=VIEW,
    lock="metrics.sample_quarter",
    timeout=120,
    quiet=True,
)
def sample_quarter(_run: Run) -> dict[str, object]:
    """Read sizes and the sums over all tables (every 15 minutes)."""
    return _sample(QUARTER)


@job(
    "metrics.roll_up",
    title="Roll figures up into minutes and half hours",
    queue="probes",
    permission=VIEW,
    lock="metrics.roll_up",
    timeout=300,
    quiet=True,
)
def roll_up(_run: Run) -> dict[str, object]:
    """Bring the rollups up to date (every minute)."""
    return {"until": rolling.roll_up(commit=db.session.commit)}


@job(
    "metrics.keep_partitions",
    title="Make and drop partitions of figures",
    queue="default",
    permission=VIEW,
    lock="metrics.keep_partitions",
    timeout=120,
    quiet=True,
)
def keep_partitions(_run: Run) -> dict[str, object]:
    """Make the partitions of the days ahead, drop those that are over (every hour)."""
    connection = db.session.connection(bind_arguments={"mapper": MetricRound})
    connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
    return dict(partitions.keep(connection, datetime.now(UTC)))
