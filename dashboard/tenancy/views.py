"""Finds the tenant of a request: by URL (`/t/<tenant>/…`), by domain, or by the switcher."""

import re
from typing import Any

from flask import Blueprint, Flask, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.tenancy import queries, scope, telling
from dashboard.tenancy.models import TenantRef, TenantStatus

blueprint = Blueprint("tenancy", __name__)
# A path of this site: browsers read `//`, a backslash or a blank after the first slash as another host.
PLACE = re.compile(r"[a-z_]+(/[a-z_]+)?")
MOST_SHOWN = 100
OWN_PATH = re.compile(r"/(?![/\\])[^\\\s\x00-\x1f]*")


def init_app(app: Flask) -> None:
    """Resolve the tenant before the permission gate and keep it in the links of the page."""
    app.url_value_preprocessor(_take_slug)
    app.url_defaults(_fill_slug)
    app.before_request(_resolve)
    app.add_template_global(tenant_choices, "tenant_choices")
    app.register_blueprint(blueprint)
    telling.init_app(app)


def tenant_choices() -> list[TenantRef]:
    """The tenants this person may switch to; an archived one has nothing to show."""
    if not current_user.is_authenticated:
        return []
    if "tenant_choices" not in g:  # a page asks several times, and a thousand cost milliseconds
        g.tenant_choices = _choices()
    found: list[TenantRef] = g.tenant_choices
    return found


def _choices() -> list[TenantRef]:
    knows = current_user.knows_tenant  # once: finding out who asks costs more than the answer
    return [
        tenant
        for tenant in queries.known_tenants()
        if tenant.status != TenantStatus.ARCHIVED and knows(tenant.slug)
    ]


def _take_slug(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.tenant = None
    g.tenant_slug = values.pop("tenant", None) if values else None


def _fill_slug(endpoint: str, values: dict[str, Any]) -> None:
    tenant = getattr(g, "tenant", None)
    slug = tenant.slug if tenant else getattr(g, "tenant_slug", None)
    if slug and "tenant" not in values and current_app.url_map.is_endpoint_expecting(endpoint, "tenant"):
        values["tenant"] = slug


def _resolve() -> ResponseReturnValue | None:
    by_host = queries.find_by_host(request.host.partition(":")[0])
    slug = g.get("tenant_slug")
    if slug:
        if renamed := _renamed(slug):
            return _lead_on(slug, renamed)
        if by_host and by_host.slug != slug:
            raise NotFoundError("This address belongs to another tenant.")
        g.tenant = queries.get_tenant(slug)
    else:
        g.tenant = by_host or _remembered()
    actor = current_user.email if current_user.is_authenticated else "anonymous"
    bound = g.tenant if slug else None  # pages outside a tenant must not read one by accident
    scope.bind_session(db.session(), bound, actor=actor, request_id=g.get("request_id", ""))
    return None


def _renamed(slug: str) -> TenantRef | None:
    """The tenant that was called so, for people who know it under its new name."""
    found = queries.find_former(slug)
    if found is None or not current_user.is_authenticated or not current_user.knows_tenant(found.slug):
        return None
    return found


def _lead_on(slug: str, tenant: TenantRef) -> ResponseReturnValue:
    """Lead an old address on; what was sent there is not, since the form may be older than the name."""
    target = request.full_path.rstrip("?").replace(f"/t/{slug}/", f"/t/{tenant.slug}/", 1)
    if request.method != "GET":
        raise NotFoundError(
            f"{tenant.name} is called {tenant.slug} in addresses now; nothing was saved.",
            fix="Open the page again under the new address.",
        )
    return redirect(target)


def _remembered() -> TenantRef | None:
    """The tenant the person last worked in, for the menu of pages that belong to none."""
    choices = tenant_choices()
    last = session.get("tenant")
    usual = next((tenant for tenant in choices if tenant.status == TenantStatus.ACTIVE), None)
    first = usual or (choices[0] if choices else None)
    return next((tenant for tenant in choices if tenant.slug == last), first)


@blueprint.get("/tenants/")
@requires("self.account.edit")
def choose() -> ResponseReturnValue:
    """Find a tenant among many by its name, and go on to the same list in it."""
    text, place = request.args.get("q", "")[:100].strip(), request.args.get("place", "")
    words = text.casefold().split()
    found = [
        tenant
        for tenant in tenant_choices()
        if all(word in tenant.name.casefold() or word in tenant.slug for word in words)
    ]
    return render_template(
        "tenants/choose.html",
        found=found[:MOST_SHOWN],
        more=len(found) - MOST_SHOWN,
        text=text,
        place=place if PLACE.fullmatch(place) else "",
    )


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
