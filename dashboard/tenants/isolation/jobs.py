"""RQ entry point of the isolation probe."""

from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenants.isolation.rounds import check_all


@job(
    "tenants.try_isolation",
    queue="database",
    permission="admin.tenants.edit",
    title="Try to get out of each tenant",
    lock="tenants.try_isolation",
    quiet=True,
)
def try_isolation(run: Run) -> dict[str, object]:
    """Make every attempt as every tenant and read the catalog for rights across."""
    counts = check_all(run.progress, actor=run.actor, run_id=run.id)
    if counts["holes"]:
        run.log(f"{counts['holes']} ways out were found")
    return dict(counts)
