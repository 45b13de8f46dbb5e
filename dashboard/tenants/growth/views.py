"""The page of a tenant's growth: its partitions, what was put away, and the way back."""

from flask import Blueprint, Flask, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.settings.queries import get_setting
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef, TenantStatus
from dashboard.tenants.growth import deciding, service
from dashboard.tenants.growth.service import Growth
from dashboard.tenants.lifecycle.queries import find_running

VIEW, EDIT = "admin.tenants.view", "admin.tenants.edit"
pages = Blueprint("growth", __name__, url_prefix="/admin/tenants")


def init_app(app: Flask) -> None:
    """Register the page."""
    app.register_blueprint(pages)


@pages.get("/<slug>/growth")
@requires(VIEW)
def page(slug: str) -> ResponseReturnValue:
    """Partitions and archives; `put_away` names a partition to be asked about."""
    tenant = tenancy.get_tenant(slug)
    found, problem = _look(tenant)
    asked = service.find_span(found, request.args.get("put_away", "")) if found else None
    return render_template(
        "tenants/growth.html",
        chosen=tenant,
        found=found,
        problem=problem,
        asked=asked,
        running=find_running(slug),
        limits=_limits(),
    )


def _limits() -> list[tuple[str, str]]:
    held = [get_setting(key) for key in (deciding.PARTITION_ROWS, deciding.ARCHIVE_MONTHS)]
    return [(one.definition.title, one.text) for one in held]


def _look(tenant: TenantRef) -> tuple[Growth | None, str]:
    if tenant.status == TenantStatus.ARCHIVED:
        return None, "It has no schema: it is archived."
    try:
        return service.look(tenant), ""
    except DBAPIError as error:
        return None, f"It cannot be read: {str(error.orig).strip()}"


@pages.post("/<slug>/growth")
@requires(EDIT)
def act(slug: str) -> ResponseReturnValue:
    """Ask for one of the jobs."""
    tenancy.get_tenant(slug)
    action, target = request.form.get("action", ""), request.form.get("target", "")
    if action not in JOBS:
        raise InvalidInputError("There is no such action.")
    if find_running(slug):
        raise ConflictError("A job is under way for this tenant.", fix="Wait until it has ended.")
    name, argument = JOBS[action]
    if argument == "event" and not target.isdigit():
        raise InvalidInputError("There is no such archive.")
    value: object = int(target) if argument == "event" else target
    return redirect(run_url(jobs.enqueue(name, {"slug": slug, argument: value}, actor=current_user.email)))


JOBS = {
    "partition": ("tenants.partition", "table"),
    "put_away": ("tenants.put_history_away", "part"),
    "bring_back": ("tenants.bring_history_back", "event"),
}
