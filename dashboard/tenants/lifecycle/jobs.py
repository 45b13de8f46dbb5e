"""Jobs of a tenant's life; all of one tenant hold one lock. None runs inside it: it may be closed."""

from typing import Any

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.core.errors import NotFoundError
from dashboard.jobs.registry import Opens, job
from dashboard.jobs.run import Run
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantStatus
from dashboard.tenants.lifecycle import (
    archiving,
    cloning,
    offers,
    queries,
    renaming,
    restoring,
    suspending,
    sweeping,
)
from dashboard.tenants.lifecycle.models import TenantArchive
from dashboard.tenants.lifecycle.renaming import Names

EDIT = "admin.tenants.edit"
LOCK = queries.lock_of("{slug}")
HOUR = 3600
THE_TENANT = "Open the tenant"
MADE = Opens(THE_TENANT, "tenants.details", {"slug": "tenant"})


@job(
    "tenants.rename",
    title="Rename a tenant",
    queue="default",
    permission=EDIT,
    lock=LOCK,
    timeout=300,
    resumable=True,
    opens=Opens(THE_TENANT, "tenants.details", {"slug": "slug"}),
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


@job(
    "tenants.clone",
    title="Clone a tenant",
    queue="database",
    permission=EDIT,
    lock=LOCK,
    timeout=6 * HOUR,
    opens=MADE,
)
def clone(
    run: Run, *, slug: str, name: str, new_slug: str, with_data: bool, open_at_once: bool = False
) -> dict[str, object]:
    """Make another tenant of one, as of one moment; the original does not notice."""
    source = _tenant(slug, "clone")
    asked = cloning.Clone(name, new_slug, with_data, open_at_once)
    made = cloning.clone(run, source, asked, get_settings())
    result: dict[str, Any] = {"rows": made.rows, "files": made.files, "missing_files": len(made.missing)}
    record_operation(
        "tenant.clone", made.tenant.slug, tenant=made.tenant.slug, actor=run.actor, source=slug, **result
    )
    return {"tenant": made.tenant.slug, **result}


@job(
    "tenants.archive",
    title="Archive a tenant",
    queue="database",
    permission=EDIT,
    lock=LOCK,
    timeout=12 * HOUR,
    resumable=True,
)
def archive(run: Run, *, slug: str, reason: str) -> dict[str, object]:
    """Keep a proven dump, then drop the schema; taken up again it begins anew, or finishes."""
    return _put_away(run, slug, reason, archiving.ARCHIVED, "tenant.archive")


@job(
    "tenants.delete",
    title="Delete a tenant",
    queue="database",
    permission=EDIT,
    lock=LOCK,
    timeout=12 * HOUR,
    resumable=True,
)
def delete(run: Run, *, slug: str, reason: str) -> dict[str, object]:
    """Remove a tenant; its last dump is kept for a while."""
    return _put_away(run, slug, reason, archiving.DELETED, "tenant.delete")


def _put_away(run: Run, slug: str, reason: str, kind: str, action: str) -> dict[str, object]:
    settings = get_settings()
    made = archiving.find_made(run.id)
    if made is not None and archiving.is_put_away(made) and not _is_known(made):
        archiving.finish(made, settings)
    else:
        tenant = _tenant(slug, action.removeprefix("tenant."))
        found = queries.find_archive(tenant.id) if tenant.status == TenantStatus.ARCHIVED else None
        if found is not None:
            made = archiving.to_deleted(found, tenant, actor=run.actor, run_id=run.id)
            archiving.finish(made, settings)
        else:
            made = archiving.put_away(run, archiving.Order(tenant, kind, reason, settings))
    result: dict[str, Any] = {"archive": made.id, "bytes": made.bytes, "rows": sum(made.counts.values())}
    record_operation(action, slug, tenant=slug, actor=run.actor, reason=reason, sha256=made.sha256, **result)
    return result


def _is_known(made: TenantArchive) -> bool:
    """Whether a deletion has still to tell the registry."""
    return made.kind == archiving.DELETED and any(one.id == made.tenant_id for one in _fresh())


@job(
    "tenants.restore",
    title="Restore a tenant from its archive",
    queue="database",
    permission=EDIT,
    lock=LOCK,
    timeout=12 * HOUR,
    opens=MADE,
)
def restore(run: Run, *, slug: str, archive: int = 0) -> dict[str, object]:
    """Load the last dump again and open the tenant."""
    found = queries.get_archive(archive) if archive else queries.find_archive(_tenant(slug, "restore").id)
    if found is None:
        raise NotFoundError("There is no archive of this tenant.", fix="Look for its dump in the copies.")
    queries.check_restorable(found)
    made = restoring.bring_back(run, found, get_settings())
    result: dict[str, Any] = {"rows": made.rows, "same_definitions": made.is_same, "notes": made.notes}
    record_operation(
        "tenant.restore",
        made.tenant.slug,
        tenant=made.tenant.slug,
        actor=run.actor,
        archive=found.id,
        **result,
    )
    return {"tenant": made.tenant.slug, **result}


@job(
    "tenants.sweep_archives",
    title="Settle what broken work on tenants left, forget old dumps",
    queue="database",
    permission=EDIT,
    lock="tenants.sweep_archives",
    timeout=900,
    quiet=True,
)
def sweep(_run: Run) -> dict[str, object]:
    """Look after clones, archives, restores and renames whose worker died (every 60 s)."""
    return dict(sweeping.sweep(get_settings()))


def _tenant(slug: str, action: str) -> Any:
    tenancy.forget()
    tenant = tenancy.get_tenant(slug)
    offers.check_may(tenant, action)
    return tenant


def _fresh() -> list[Any]:
    tenancy.forget()
    return tenancy.list_tenants()
