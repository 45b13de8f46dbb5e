"""Jobs: bring all tenants' KPIs up to date every minute; compute those of one tenant anew."""

from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dashboard.core.errors import DashboardError, NotFoundError
from dashboard.jobs import queries, service
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.queries import RunFilter
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.kpis import (
    definitions,  # noqa: F401  # fills the registry
    keeping,
)
from dashboard.kpis.families import FAMILIES
from dashboard.kpis.keeping import Round
from dashboard.kpis.tenants_view import queries as headlines
from dashboard.kpis.tenants_view.jobs import read_tenant
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import get_tenant, list_active
from dashboard.tenancy.scope import use_tenant

PERMISSION = "insights.definitions.edit"
REBUILD = "insights.rebuild"

log = structlog.get_logger()


@job(
    "insights.refresh",
    title="Bring the KPIs up to date",
    queue="insights",
    permission=PERMISSION,
    lock="insights.refresh",
    timeout=1800,
    quiet=True,
)
def refresh(run: Run) -> dict[str, object]:
    """Look through every active tenant for what changed; trouble in one holds up no other."""
    done: dict[str, object] = {}
    tenants = [get_tenant(run.tenant)] if run.tenant else list_active()
    unread = headlines.list_unread([tenant.id for tenant in tenants])
    for tenant in tenants:
        run.check_cancelled()
        try:
            found = keep_tenant(tenant, str(run.id))
            if tenant.id in unread and not found.word:
                # The view across tenants need not wait for its own round of 15 minutes.
                read_tenant(tenant, datetime.now(UTC), str(run.id))
        except (SQLAlchemyError, DashboardError) as error:
            log.exception("kpis_not_kept", tenant=tenant.slug)
            found = Round(f"failed: {type(error).__name__}")
        if found.is_worth_a_word:
            done[tenant.slug] = str(found)
            run.log(f"{tenant.slug}: {found}")
    return done


def keep_tenant(tenant: TenantRef, request_id: str = "") -> Round:
    """Bring one tenant's figures up to date, and ask for a job where that takes long."""
    with use_tenant(tenant, actor=SYSTEM_ACTOR, request_id=request_id) as session:
        found = keeping.keep(session)
        session.commit()
    if found.postponed and not _is_asked_for(tenant.slug):
        service.enqueue(REBUILD, {"families": found.postponed}, actor=SYSTEM_ACTOR, tenant=tenant.slug)
    return found


def _is_asked_for(slug: str) -> bool:
    runs = queries.list_runs(RunFilter(job=REBUILD, status="active")).runs
    return any(run.tenant == slug for run in runs)


@job(
    REBUILD,
    title="Compute the KPIs anew",
    queue="insights",
    permission=PERMISSION,
    lock="insights.rebuild:{tenant}",
    timeout=6 * 3600,
    outbox=True,
)
def rebuild(run: Run, *, families: list[str] | None = None) -> dict[str, object]:
    """Compute the figures of a tenant anew, of some families or all. Pages show the old ones meanwhile."""
    tenant = get_tenant(run.tenant or "")
    names = families or list(FAMILIES)
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        raise NotFoundError(f"There are no figures called {', '.join(unknown)}.")
    seconds: dict[str, object] = {}
    for place, name in enumerate(names):
        run.progress(place, len(names), FAMILIES[name].title)
        with use_tenant(tenant, actor=run.actor, request_id=str(run.id)) as session:
            made = keeping.compute_anew(session, name)
            session.commit()
        run.log(f"{FAMILIES[name].title}: {made.records} records in {made.seconds:.1f} s")
        seconds[name] = round(made.seconds, 1)
    return seconds
