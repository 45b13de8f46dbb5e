"""Reads of the tenant registry, remembered for seconds so that a request does not pay for them."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.tenancy import notices
from dashboard.tenancy.models import Domain, Tenant, TenantRef, TenantStatus

FRESH_SECONDS = 5.0


@dataclass
class _Registry:
    """The last reading of the registry; an outage leaves it standing."""

    read_at: float = float("-inf")
    by_slug: dict[str, TenantRef] = field(default_factory=dict)
    by_host: dict[str, TenantRef] = field(default_factory=dict)
    by_former: dict[str, TenantRef] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


_registry = _Registry()


def list_tenants() -> list[TenantRef]:
    """Every tenant by name, at most FRESH_SECONDS old. Raises OperationalError when the ERP is away."""
    _refresh()
    return sorted(_registry.by_slug.values(), key=lambda tenant: tenant.name.casefold())


def list_active() -> list[TenantRef]:
    """The tenants that people and timed jobs may work in: neither suspended nor archived."""
    return [tenant for tenant in list_tenants() if tenant.status == TenantStatus.ACTIVE]


def list_standing() -> list[TenantRef]:
    """The tenants that have a schema: all but the archived ones."""
    return [tenant for tenant in list_tenants() if tenant.status != TenantStatus.ARCHIVED]


def known_tenants() -> list[TenantRef]:
    """As `list_tenants`, but during an outage those last seen (none if none ever were)."""
    try:
        return list_tenants()
    except OperationalError:
        return sorted(_registry.by_slug.values(), key=lambda tenant: tenant.name.casefold())


def get_tenant(slug: str) -> TenantRef:
    """Return the tenant of a slug, during an outage as last seen.

    Raises NotFoundError; OperationalError when nobody can know yet, for the ERP is away from the start.
    """
    known_tenants()
    if slug not in _registry.by_slug:
        if not _registry.by_slug:
            list_tenants()
        raise NotFoundError("There is no such tenant, or you have no access to it.")
    return _registry.by_slug[slug]


def find_former(slug: str) -> TenantRef | None:
    """Return the tenant that had this short name until not long ago; a slug in use is nobody's former one."""
    known_tenants()
    return None if slug in _registry.by_slug else _registry.by_former.get(slug)


def find_by_host(host: str) -> TenantRef | None:
    """Return the tenant a host name leads to, if any; last known ones during an outage."""
    known_tenants()
    return _registry.by_host.get(host.lower())


def list_domains(tenant_id: int) -> list[Domain]:
    """The domains of a tenant, the primary one first."""
    query = (
        select(Domain).where(Domain.tenant_id == tenant_id).order_by(Domain.is_primary.desc(), Domain.host)
    )
    return list(db.session.scalars(query))


def forget() -> None:
    """Read the registry anew next time; call it after a change."""
    _registry.read_at = float("-inf")
    notices.forget()


def _refresh() -> None:
    with _registry.lock:
        if time.monotonic() - _registry.read_at < FRESH_SECONDS:
            return
        with Session(db.engine) as session:  # its own session: the request's belongs to one tenant
            rows = session.scalars(select(Tenant)).all()
            tenants = {tenant.id: tenant.ref for tenant in rows}
            hosts = session.execute(select(Domain.host, Domain.tenant_id)).all()
            notices.read(session.connection())
        now = datetime.now(UTC).isoformat()
        _registry.by_former = {
            old: row.ref for row in rows for old, until in row.former_slugs.items() if until > now
        }
        _registry.by_slug = {ref.slug: ref for ref in tenants.values()}
        _registry.by_host = {host: tenants[tenant_id] for host, tenant_id in hosts}
        _registry.read_at = time.monotonic()
