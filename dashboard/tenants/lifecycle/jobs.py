"""Jobs of a tenant's life; all of one tenant hold one lock. None runs inside it: it may be closed."""

from typing import Any

from dashboard.audit.service import record_operation
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.lifecycle import offers, queries, renaming, suspending
from dashboard.tenants.lifecycle.renaming import Names

EDIT = "admin.tenants.edit"
LOCK = queries.lock_of("{slug}")


@job(
    "tenants.rename",
    title="Rename a tenant",
    queue="default",
    permission=EDIT,
    lock=LOCK,
    timeout=300,
    resumable=True,
)
def rename(run: Run, *, slug: str, tenant_id: int, names: dict[str, Any]) -> dict[str, object]:
    """Give a tenant another name; taken up again it does what is left."""
    wanted = Names(**names)
    tenant = next(one for one in _fresh() if one.id == tenant_id)
    run.progress(0, 1, f"{slug} becomes {wanted.slug}")
    if tenant.slug == slug:
        renaming.rename(tenant, wanted)
    else:
        renaming.settle(tenant_id, slug, wanted.slug)
    record_operation("tenant.rename", wanted.slug, tenant=wanted.slug, actor=run.actor, before=slug, **names)
    run.progress(1, 1, "Renamed")
    return {"before": slug, "slug": wanted.slug, "name": wanted.name}


@job("tenants.suspend", title="Suspend a tenant", queue="default", permission=EDIT, lock=LOCK, timeout=300)
def suspend(run: Run, *, slug: str, reason: str) -> dict[str, object]:
    """Close a tenant to people and jobs."""
    tenant = _tenant(slug, "suspend")
    stopped = suspending.suspend(tenant, reason, actor=run.actor)
    run.log(f"{stopped} jobs were told to stop")
    left = suspending.at_work(tenant)
    if left:
        run.log(f"still ending: {', '.join(left)}")
    return {"stopped": stopped, "still_ending": len(left)}


@job("tenants.resume", title="Resume a tenant", queue="default", permission=EDIT, lock=LOCK, timeout=300)
def resume(run: Run, *, slug: str) -> dict[str, object]:
    """Open a suspended tenant."""
    suspending.resume(_tenant(slug, "resume"), actor=run.actor)
    return {"resumed": slug}


def _tenant(slug: str, action: str) -> Any:
    tenancy.forget()
    tenant = tenancy.get_tenant(slug)
    offers.check_may(tenant, action)
    return tenant


def _fresh() -> list[Any]:
    tenancy.forget()
    return tenancy.list_tenants()
