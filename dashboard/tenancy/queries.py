"""Reads of the tenant registry, remembered for seconds so that a request does not pay for them."""

import time
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.tenancy.models import Domain, Tenant, TenantRef

FRESH_SECONDS = 5.0


@dataclass
class _Registry:
    """The last reading of the registry; an outage leaves it standing."""

    read_at: float = float("-inf")
    by_slug: dict[str, TenantRef] = field(default_factory=dict)
    by_host: dict[str, TenantRef] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


_registry = _Registry()


def list_tenants() -> list[TenantRef]:
    """Every tenant by name, at most FRESH_SECONDS old. Raises OperationalError when the ERP is away."""
    _refresh()
    return sorted(_registry.by_slug.values(), key=lambda tenant: tenant.name.casefold())


def known_tenants() -> list[TenantRef]:
    """As `list_tenants`, but during an outage those last seen (none if none ever were)."""
    try:
        return list_tenants()
    except OperationalError:
        return sorted(_registry.by_slug.values(), key=lambda tenant: tenant.name.casefold())


def get_tenant(slug: str) -> TenantRef:
    """Return the tenant of a slug, during an outage as last seen. Raises NotFoundError."""
    known_tenants()
    if slug not in _registry.by_slug:
        raise NotFoundError("There is no such tenant, or you have no access to it.")
    return _registry.by_slug[slug]


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


def _refresh() -> None:
    with _registry.lock:
        if time.monotonic() - _registry.read_at < FRESH_SECONDS:
            return
        with Session(db.engine) as session:  # its own session: the request's belongs to one tenant
            tenants = {tenant.id: tenant.ref for tenant in session.scalars(select(Tenant))}
            hosts = session.execute(select(Domain.host, Domain.tenant_id)).all()
        _registry.by_slug = {ref.slug: ref for ref in tenants.values()}
        _registry.by_host = {host: tenants[tenant_id] for host, tenant_id in hosts}
        _registry.read_at = time.monotonic()
