"""Finds the tenant of a request: by URL (`/t/<tenant>/…`), by domain, or by the switcher."""

import re
from typing import Any

from flask import Blueprint, Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.tenancy import queries, scope
from dashboard.tenancy.models import TenantRef

blueprint = Blueprint("tenancy", __name__)
# A path of this site: browsers read `//`, a backslash or a blank after the first slash as another host.
OWN_PATH = re.compile(r"/(?![/\\])[^\\\s\x00-\x1f]*")


def init_app(app: Flask) -> None:
    """Resolve the tenant before the permission gate and keep it in the links of the page."""
    app.url_value_preprocessor(_take_slug)
    app.url_defaults(_fill_slug)
    app.before_request(_resolve)
    app.add_template_global(tenant_choices, "tenant_choices")
    app.register_blueprint(blueprint)


def tenant_choices() -> list[TenantRef]:
    """The tenants this person may switch to."""
    if not current_user.is_authenticated:
        return []
    return [tenant for tenant in queries.known_tenants() if current_user.knows_tenant(tenant.slug)]


def _take_slug(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.tenant = None
    g.tenant_slug = values.pop("tenant", None) if values else None


def _fill_slug(endpoint: str, values: dict[str, Any]) -> None:
    tenant = getattr(g, "tenant", None)
    slug = tenant.slug if tenant else getattr(g, "tenant_slug", None)
    if slug and "tenant" not in values and current_app.url_map.is_endpoint_expecting(endpoint, "tenant"):
        values["tenant"] = slug


def _resolve() -> None:
    by_host = queries.find_by_host(request.host.partition(":")[0])
    slug = g.get("tenant_slug")
    if slug:
        if by_host and by_host.slug != slug:
            raise NotFoundError("This address belongs to another tenant.")
        g.tenant = queries.get_tenant(slug)
    else:
        g.tenant = by_host or _remembered()
    actor = current_user.email if current_user.is_authenticated else "anonymous"
    bound = g.tenant if slug else None  # pages outside a tenant must not read one by accident
    scope.bind_session(db.session(), bound, actor=actor, request_id=g.get("request_id", ""))


def _remembered() -> TenantRef | None:
    """The tenant the person last worked in, for the menu of pages that belong to none."""
    choices = tenant_choices()
    last = session.get("tenant")
    return next((tenant for tenant in choices if tenant.slug == last), choices[0] if choices else None)


@blueprint.get("/t/<tenant>/switch")
@requires("self.account.edit")
def switch() -> ResponseReturnValue:
    """Remember the tenant and go to the same page in it (or its start)."""
    session["tenant"] = g.tenant.slug
    target = request.args.get("next", "")
    if OWN_PATH.fullmatch(target) and (
        not target.startswith("/t/") or target.startswith(f"/t/{g.tenant.slug}/")
    ):
        return redirect(target)
    return redirect(url_for("home.index"))
