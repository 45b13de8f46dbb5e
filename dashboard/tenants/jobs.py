"""RQ entry points of the tenants page."""

from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenants.inspection import inspect_tenants


@job(
    "tenants.inspect", queue="database", permission="admin.tenants.edit", title="Inspect tenants", quiet=True
)
def inspect(run: Run) -> dict[str, object]:
    """Check schemas, sizes, heads and isolation of all tenants."""
    run.log("reading schemas and trying to break out of each tenant")
    return dict(inspect_tenants())
