"""Job: import an uploaded file after its dry run was looked at."""

from dashboard.core.db import db
from dashboard.erp.legacy import service, uploads
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy.queries import get_tenant


@job(
    "legacy.load",
    title="Import a legacy file",
    queue="records",
    permission="records.legacy.create",
    lock="legacy:{tenant}",
    timeout=1800,
)
def load(run: Run, *, upload: str, organization: str) -> dict[str, object]:
    """Import one upload of the run's tenant and delete the file; the log has the report."""
    path = uploads.find(get_tenant(run.tenant or ""), upload)
    run.progress(0, 1, "Importing")
    report = service.load(db.session(), path, organization, dry_run=False)
    for line in report.lines():
        run.log(line)
    # Before the file goes: an import that cannot be committed can be retried.
    db.session.commit()
    path.unlink(missing_ok=True)
    run.progress(1, 1, "Imported")
    return report.plain()
