"""Measures the RPO every ten seconds."""

from dashboard.backups import rpo, service
from dashboard.core.config import get_settings
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "backups.measure_rpo",
    title="Measure what would be lost now",
    queue="probes",
    permission="database.backups.view",
    lock="backups.measure_rpo",
    timeout=30,
    quiet=True,
)
def measure_rpo(_run: Run) -> dict[str, object]:
    """Measure the seconds of work at risk on each path (every 10 s)."""
    return dict(rpo.measure(get_settings(), segment=service.segment_bytes()))
