"""Pages of the tenants: the list with its checks, one tenant, and the form for a new one."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health.queries import get_reading
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.tenancy import queries as tenancy
from dashboard.tenants import domains, inspection
from dashboard.tenants.forms import DomainForm, TenantForm
from dashboard.tenants.isolation import views as isolation
from dashboard.tenants.maintenance import views as maintenance
from dashboard.tenants.service import create_tenant

blueprint = Blueprint("tenants", __name__, url_prefix="/admin/tenants")


def init_app(app: Flask) -> None:
    """Register the pages and the menu entry."""
    app.register_blueprint(blueprint)
    maintenance.init_app(app)
    isolation.init_app(app)
    register_menu(app, MenuItem("admin", "Tenants", "tenants.index", "admin.tenants.view", "building", 10))


@blueprint.get("/")
@requires("admin.tenants.view")
def index() -> ResponseReturnValue:
    """Every tenant with its schema check, size, head and isolation."""
    reading = get_reading(inspection.READING)
    rows = reading.data.get("tenants", []) if reading else []
    facts: dict[str, dict[str, Any]] = {row["slug"]: row for row in rows if row["slug"]}
    strays = [row for row in rows if not row["slug"]]
    head = reading.data.get("head", "") if reading else ""
    return render_template(
        "tenants/index.html",
        tenants=tenancy.known_tenants(),
        facts=facts,
        strays=strays,
        head=head,
        reading=reading,
    )


@blueprint.post("/inspect")
@requires("admin.tenants.edit")
def inspect() -> ResponseReturnValue:
    """Check all tenants again now."""
    run = jobs.enqueue("tenants.inspect", {}, actor=current_user.email)
    return redirect(run_url(run))


@blueprint.route("/new", methods=["GET", "POST"])
@requires("admin.tenants.edit")
def new() -> ResponseReturnValue:
    """Create a tenant; takes well under a second, so it needs no job yet."""
    form = TenantForm()
    if form.validate_on_submit():
        try:
            tenant = create_tenant(
                form.name.data or "",
                form.slug.data or "",
                domain=form.domain.data or "",
                actor=current_user.email,
            )
        except (ConflictError, InvalidInputError) as error:
            for name, message in error.fields.items():
                form[name].errors = [*form[name].errors, message]
            return render_template("tenants/new.html", form=form), error.status
        flash(f"Tenant {tenant.name} was created.", "success")
        return redirect(url_for("tenants.details", slug=tenant.slug))
    return render_template("tenants/new.html", form=form), 422 if request.method == "POST" else 200


@blueprint.get("/<slug>/")
@requires("admin.tenants.view")
def details(slug: str) -> ResponseReturnValue:
    """One tenant: identity, domains, and each attempt to break out of it."""
    chosen = tenancy.get_tenant(slug)
    reading = get_reading(inspection.READING)
    rows = reading.data.get("tenants", []) if reading else []
    facts = next((row for row in rows if row["slug"] == slug), None)
    return render_template(
        "tenants/details.html",
        chosen=chosen,
        facts=facts,
        reading=reading,
        domains=tenancy.list_domains(chosen.id),
        form=DomainForm(),
    )


@blueprint.post("/<slug>/domains")
@requires("admin.tenants.edit")
def change_domains(slug: str) -> ResponseReturnValue:
    """Add a domain, make one primary, or remove one that is not."""
    chosen = tenancy.get_tenant(slug)
    form = DomainForm()
    if not form.validate_on_submit():
        flash(" ".join(message for messages in form.errors.values() for message in messages), "danger")
        return redirect(url_for("tenants.details", slug=slug))
    try:
        domains.change_domain(chosen, form.action.data or "", form.host.data or "", actor=current_user.email)
    except (ConflictError, InvalidInputError) as error:
        flash(error.message, "danger")
    else:
        flash("The domains were changed.", "success")
    return redirect(url_for("tenants.details", slug=slug))
