"""Job: look for suppliers that are entered twice."""

from dashboard.core.db import db
from dashboard.erp.suppliers import duplicates
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy.queries import list_active
from dashboard.tenancy.scope import use_tenant


@job(
    "suppliers.find_duplicates",
    title="Look for duplicate suppliers",
    queue="records",
    permission="records.supplier.edit",
    lock="suppliers.duplicates:{tenant}",
    timeout=600,
)
def find_duplicates(run: Run) -> dict[str, object]:
    """Look through the run's tenant; a scheduled run has none and looks through all."""
    if run.tenant:
        found = duplicates.refresh(db.session())
        db.session.commit()
        return {"pairs": found}
    pairs: dict[str, object] = {}
    tenants = list_active()
    for index, tenant in enumerate(tenants):
        run.progress(index, len(tenants), tenant.name)
        with use_tenant(tenant, actor="schedule", request_id=str(run.id)) as session:
            pairs[tenant.slug] = duplicates.refresh(session)
            session.commit()
    return pairs
