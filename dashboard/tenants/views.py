"""Pages of the tenants: the list with its checks, one tenant, and the form for a new one."""

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.tenancy import notices
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantStatus
from dashboard.tenants import domains, inspection, listing, queries
from dashboard.tenants.forms import DomainForm, TenantForm
from dashboard.tenants.isolation import queries as isolation_queries
from dashboard.tenants.isolation import rounds
from dashboard.tenants.isolation import views as isolation
from dashboard.tenants.isolation.readings import header
from dashboard.tenants.lifecycle import offers
from dashboard.tenants.lifecycle import queries as lifecycle_queries
from dashboard.tenants.listing import Wish
from dashboard.tenants.maintenance import views as maintenance
from dashboard.tenants.service import create_tenant

blueprint = Blueprint("tenants", __name__, url_prefix="/admin/tenants")
blueprint.before_request(tenancy.forget)  # a worker may have opened or closed one seconds ago


def init_app(app: Flask) -> None:
    """Register the pages and the menu entry."""
    app.register_blueprint(blueprint)
    maintenance.init_app(app)
    isolation.init_app(app)
    register_menu(app, MenuItem("admin", "Tenants", "tenants.index", "admin.tenants.view", "building", 10))


@blueprint.get("/")
@requires("admin.tenants.view")
def index() -> ResponseReturnValue:
    """Every tenant with what is known of it, a page at a time."""
    wish = _wish()
    return render_template(
        "tenants/index.html",
        wish=wish,
        list=listing.build(wish),
        statuses=listing.STATUSES,
        reading=header(inspection.READING),
    )


def _wish() -> Wish:
    status, sort = request.args.get("status", ""), request.args.get("sort", "name")
    return Wish(
        request.args.get("q", "")[:100].strip(),
        status if status in listing.STATUSES else "",
        sort if sort.removeprefix("-") in listing.ORDERS else "name",
        max(request.args.get("page", 1, type=int), 1),
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
    """One tenant: everything that is known of it, and what can be done."""
    chosen = tenancy.get_tenant(slug)
    line = listing.find_line(slug)
    if line is None:
        raise NotFoundError("There is no such tenant (any more).")
    others = {tenant.slug: tenant for tenant in tenancy.known_tenants()}
    is_archived = chosen.status == TenantStatus.ARCHIVED
    return render_template(
        "tenants/details.html",
        chosen=chosen,
        line=line,
        reading=header(inspection.READING),
        archive=lifecycle_queries.find_archive(chosen.id) if is_archived else None,
        is_archived=is_archived,
        tables=queries.list_tables(chosen.schema),
        revisions=queries.list_revisions(chosen.id),
        isolation=isolation_queries.of_tenant(chosen, others),
        isolation_reading=header(rounds.READING),
        maintenance=notices.told_to(chosen),
        domains=tenancy.list_domains(chosen.id),
        form=DomainForm(),
        **offers.context_of(chosen),
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
