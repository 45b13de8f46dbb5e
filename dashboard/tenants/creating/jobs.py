"""RQ entry point of the pool."""

from dataclasses import asdict

from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.settings.queries import value
from dashboard.tenants.creating import declared, pool


@job(
    "tenants.keep_spares",
    queue="database",
    permission="admin.tenants.edit",
    title="Keep schemas for new tenants ready",
    lock="tenants.spares",
    resumable=True,
    quiet=True,
)
def keep_spares(run: Run) -> dict[str, object]:
    """Make the release's DDL and so many spares as are wanted; drop those of other releases."""

    def tick(line: str) -> None:
        run.check_cancelled()
        run.log(line)

    return asdict(pool.keep(value(declared.SPARES), tick))
