"""Pages of data changes: how far each is, and its buttons. A button asks for the job."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError

from dashboard.core.db import db
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.models import ACTIVE
from dashboard.schema_migrations.backfills import queries, service
from dashboard.schema_migrations.backfills.declared import get_change

VIEW, RUN = "database.backfills.view", "database.backfills.run"
SHOWN = 200  # of a thousand tenants those that need something come first
pages = Blueprint("backfills", __name__, url_prefix="/database/migrations/backfills")


@pages.get("/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """Every data change and how far it is; that it cannot be known while the ERP is away."""
    try:
        views = queries.list_views()
    except OperationalError:
        db.session.rollback()
        views = None
    return render_template("schema_migrations/backfills/index.html", views=views)


@pages.get("/<name>/")
@requires(VIEW)
def change(name: str) -> ResponseReturnValue:
    """One data change: its statement, every tenant, what to do."""
    return _change(name, "change")


@pages.get("/<name>/live")
@requires(VIEW)
def live(name: str) -> ResponseReturnValue:
    """Give the progress again while it runs."""
    return _change(name, "_progress")


def _change(name: str, template: str) -> str:
    view = queries.get_view(get_change(name))
    return render_template(f"schema_migrations/backfills/{template}.html", view=view, shown=SHOWN)


@pages.post("/<name>/run")
@requires(RUN)
def run(name: str) -> ResponseReturnValue:
    """Run or resume it over all tenants."""
    view = queries.get_view(get_change(name))
    if view.is_active:
        flash("It is running already.", "info")
    else:
        service.ask_for_run(name, actor=current_user.email)
    return redirect(url_for("backfills.change", name=name))


@pages.post("/<name>/stop")
@requires(RUN)
def stop(name: str) -> ResponseReturnValue:
    """Stop behind the batch that is at work; it can be resumed."""
    found = queries.latest_run(get_change(name).name)
    if found is not None and found.status in ACTIVE:
        jobs.cancel(found.id, actor=current_user.email)
        flash("It stops behind the batch that is at work. What is done stays done.", "info")
    return redirect(url_for("backfills.change", name=name))


@pages.route("/<name>/start-over", methods=["GET", "POST"])
@requires(RUN)
def start_over(name: str) -> ResponseReturnValue:
    """Ask, then go through one tenant from its first row again."""
    view = queries.get_view(get_change(name))
    schema = request.values.get("schema", "")
    tenant = next((tenant for tenant in view.tenants if tenant.schema == schema), None)
    if tenant is None:
        abort(404)
    if request.method == "POST" and not view.is_active:
        service.ask_for_run(name, actor=current_user.email, start_over=schema)
        return redirect(url_for("backfills.change", name=name))
    return render_template("schema_migrations/backfills/start_over.html", view=view, tenant=tenant)
