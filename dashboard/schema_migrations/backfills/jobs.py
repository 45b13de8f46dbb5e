"""The job of data changes. Its queue is that of restores: it may take hours and must not hold up backups."""

import psycopg2

from dashboard.core.config import get_settings
from dashboard.core.errors import DashboardError
from dashboard.health.connection import one_line
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.schema_migrations.backfills import service

LONGEST_SECONDS = 24 * 3600


class DataChangeError(DashboardError):
    """A data change did not finish everywhere; what is done stays, and a new run goes on."""


@job(
    service.JOB,
    title="Change data in batches",
    queue="restores",
    permission="database.backfills.run",
    lock=service.JOB,
    timeout=LONGEST_SECONDS,
    resumable=True,
)
def run(run: Run, *, name: str, start_over: str = "") -> dict[str, object]:
    """Run or resume a data change over all tenants."""
    try:
        outcome = service.run(get_settings(), name, run, start_over=start_over)
    except psycopg2.Error as error:
        raise DataChangeError(one_line(error), fix="Mend what it names, then resume on its page.") from error
    for schema in outcome.behind:
        run.log(f"{schema}: has to be migrated first")
    if outcome.failed:
        raise DataChangeError(
            f"{len(outcome.failed)} tenants are not done: {', '.join(outcome.failed[:5])}.",
            fix="The page of the data change says why; resume when it is mended.",
        )
    return {"done": outcome.done, "rows": outcome.rows, "behind": len(outcome.behind)}
