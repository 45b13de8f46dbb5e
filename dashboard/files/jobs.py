"""Job: remove bytes without a row from the file store, and report rows whose bytes are gone."""

from dashboard.core.db import db
from dashboard.files.cleaning import Report, clean, stands_beside
from dashboard.files.setup import current_setup
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import list_active
from dashboard.tenancy.scope import use_tenant

ACTOR = "files.clean_up"
MAX_LINES = 50


@job(
    "files.clean_up",
    title="Clean up the file store",
    queue="records",
    permission="admin.tenants.edit",
    lock="files.clean_up",
    timeout=3600,
)
def clean_up(run: Run) -> dict[str, object]:
    """Compare the store with every tenant's rows; only orphans older than a day are removed."""
    tenants = list_active()  # the rows of closed ones cannot be read, so nothing of theirs is an orphan
    reports = [_clean_tenant(run, tenant, number, len(tenants)) for number, tenant in enumerate(tenants)]
    run.progress(len(tenants), len(tenants), "Done")
    return {
        "objects": sum(report.objects for report in reports),
        "removed": sum(report.removed for report in reports),
        "removed_bytes": sum(report.removed_bytes for report in reports),
        "missing": sum(len(report.missing) for report in reports),
    }


def _clean_tenant(run: Run, tenant: TenantRef, number: int, total: int) -> Report:
    run.progress(number, total, tenant.name)
    with use_tenant(tenant, actor=ACTOR) as session:
        if stands_beside(session, tenant.schema):
            run.log(f"{tenant.slug}: another state of it stands beside, which may need its files: left alone")
            return Report()
        report = clean(session, current_setup().store, tenant.schema)
        db.session.rollback()  # it only reads
    run.log(
        f"{tenant.slug}: {report.objects} objects, {report.removed} orphans removed"
        f" ({report.removed_bytes} bytes), {len(report.missing)} rows without bytes"
    )
    for row_id, name in report.missing[:MAX_LINES]:
        run.log(f"{tenant.slug}: the bytes of file {row_id} “{name}” are missing; restore them from a backup")
    return report
