"""Answers for a closed tenant: nobody works in a suspended or archived one, and everybody is told why."""

from http import HTTPStatus

from flask import Flask, g
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import ProgrammingError

from dashboard.core import errors
from dashboard.core.errors import DashboardError
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef, TenantStatus
from dashboard.tenants.lifecycle import queries

REFUSED = "42501"  # insufficient_privilege, PostgreSQL appendix A


class ClosedError(DashboardError):
    """The tenant of this page is suspended or archived."""

    status = HTTPStatus.LOCKED


def init_app(app: Flask) -> None:
    """Ask after the permission gate: a stranger is sent away by that one, and learns nothing here."""
    app.before_request(_refuse_closed)
    app.register_error_handler(ProgrammingError, _refused_by_postgres)


def _refuse_closed() -> None:
    tenant: TenantRef | None = g.get("tenant")
    if g.get("tenant_slug") and tenant is not None and tenant.status != TenantStatus.ACTIVE:
        g.tenant_slug = None  # the frame of the error page must not read the tenant's records
        raise _closed(tenant)


def _closed(tenant: TenantRef) -> ClosedError:
    row = queries.get_row(tenant.id)
    since = f" since {row.status_since:%Y-%m-%d %H:%M} UTC" if row.status_since else ""
    reason = f": {row.status_reason.rstrip('.')}." if row.status_reason else "."
    fix = (
        "An administrator can resume it under Administration, Tenants; nothing in it was changed."
        if tenant.status == TenantStatus.SUSPENDED
        else "An administrator can restore it from its archive under Administration, Tenants."
    )
    return ClosedError(f"{tenant.name} is {tenant.status}{since}{reason}", fix=fix)


def _refused_by_postgres(error: ProgrammingError) -> ResponseReturnValue:
    """In the seconds in which this process still believes the tenant to be open, PostgreSQL refuses."""
    slug, tenant = g.get("tenant_slug"), g.get("tenant")
    if not slug or tenant is None or getattr(error.orig, "pgcode", None) != REFUSED:
        raise error
    tenancy.forget()
    tenant = tenancy.get_tenant(tenant.slug)
    if tenant.status == TenantStatus.ACTIVE:
        raise error
    g.tenant_slug = None
    closed = _closed(tenant)
    return errors.render(closed.status, closed.message, fix=closed.fix)
