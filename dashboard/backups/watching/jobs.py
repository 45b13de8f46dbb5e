"""The probe of the repository's WAL."""

from dashboard.backups.watching import service
from dashboard.core.config import get_settings
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "backups.look_at_wal",
    title="Look for gaps in the repository's WAL",
    queue="probes",
    permission="database.backups.view",
    lock="backups.look_at_wal",
    timeout=30,
    quiet=True,
)
def look_at_wal(_run: Run) -> dict[str, object]:
    """Read which WAL files the repository holds (every 10 s)."""
    return {"failed": service.look_at_wal(get_settings())}
