"""The page of maintenance: what is announced, the form to announce, and the button to end it."""

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.tenancy import notices
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.maintenance import service
from dashboard.tenants.maintenance.forms import AnnouncementForm

pages = Blueprint("maintenance", __name__, url_prefix="/admin/maintenance")
VIEW, EDIT = "admin.tenants.view", "admin.tenants.edit"


def init_app(app: Flask) -> None:
    """Register the page and its menu entry."""
    app.register_blueprint(pages)
    register_menu(app, MenuItem("admin", "Maintenance", "maintenance.index", VIEW, "tool", 11))


@pages.get("/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """What goes on, what is ahead, what is over."""
    return _page(AnnouncementForm(tenant=request.args.get("tenant", "")))


@pages.post("/")
@requires(EDIT)
def announce() -> ResponseReturnValue:
    """Announce; the banner is on every page within seconds."""
    form = AnnouncementForm()
    if not form.validate_on_submit():
        return _page(form), 422
    tenant = tenancy.get_tenant(form.tenant.data) if form.tenant.data else None
    try:
        service.announce(
            form.message.data or "",
            tenant=tenant,
            read_only=bool(form.read_only.data),
            starts_at=form.moment(form.starts_at.data),
            ends_at=form.moment(form.ends_at.data),
            actor=current_user.email,
        )
    except InvalidInputError as error:
        for name, message in error.fields.items():
            form[name].errors = [*form[name].errors, message]
        return _page(form), error.status
    flash(f"Announced to {tenant.name if tenant else 'all tenants'}.", "success")
    return redirect(url_for("maintenance.index"))


@pages.post("/<int(max=2147483647):maintenance_id>/end")
@requires(EDIT)
def end(maintenance_id: int) -> ResponseReturnValue:
    """End it now, or take back what has not begun."""
    service.end(maintenance_id, actor=current_user.email)
    flash("It is over: people can work as usual.", "success")
    return redirect(url_for("maintenance.index"))


def _page(form: AnnouncementForm) -> str:
    form.offer()
    try:
        rows = service.list_maintenance()
    except OperationalError:  # it stands beside the tenants
        db.session.rollback()
        rows = None
    return render_template(
        "tenants/maintenance.html",
        form=form,
        rows=rows,
        names={tenant.id: tenant.name for tenant in tenancy.known_tenants()},
        now=notices.now(),
        settles=round(service.IN_FORCE_AFTER_SECONDS),
    )
