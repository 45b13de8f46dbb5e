"""The jobs of this feature."""

from dashboard.jobs import history
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "jobs.prune",
    title="Forget old job runs",
    permission="database.jobs.run",
    lock="jobs.prune",
    resumable=True,
)
def prune(run: Run, *, days: int = history.KEEP_DAYS) -> dict[str, object]:
    """Delete old runs and their logs."""
    deleted = history.prune(days)
    run.log(f"deleted {deleted} runs that finished more than {days} days ago")
    return {"deleted": deleted}
