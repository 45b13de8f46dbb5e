"""RQ entry points of the tenants page."""

from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenants.inspection import inspect_tenants


@job(
    "tenants.inspect", queue="database", permission="admin.tenants.edit", title="Inspect tenants", quiet=True
)
def inspect(run: Run) -> dict[str, object]:
    """Check schemas, sizes, last changes and dumps of all tenants."""
    return dict(inspect_tenants(run.progress))
