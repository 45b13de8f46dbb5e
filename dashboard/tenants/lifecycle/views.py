"""Pages of tenants' lives: each action asks on its own page, then is a job; and the list of archives."""

from typing import Any

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.errors import ConflictError
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.lifecycle import gate, offers, queries, wording
from dashboard.tenants.lifecycle.forms import AskForm

VIEW, EDIT = "admin.tenants.view", "admin.tenants.edit"
pages = Blueprint("lifecycle", __name__, url_prefix="/admin/tenants")
pages.before_request(tenancy.forget)  # a worker may have opened or closed it seconds ago


def init_app(app: Flask) -> None:
    """Register the pages and the gate of closed tenants."""
    app.register_blueprint(pages)
    register_menu(app, MenuItem("admin", "Archives", "lifecycle.archives", VIEW, "archive", 11))
    gate.init_app(app)


@pages.route(
    "/<slug>/<any(rename, suspend, resume, clone, archive, restore, delete):action>", methods=["GET", "POST"]
)
@requires(EDIT)
def act(slug: str, action: str) -> ResponseReturnValue:
    """Ask what has to be known, then ask for the job."""
    tenant = tenancy.get_tenant(slug)
    offers.check_may(tenant, action)
    page = wording.PAGES[action]
    form = page.form()
    typed = request.form.get("confirmation")
    is_typed = not page.is_typed or typed == slug
    if form.validate_on_submit() and is_typed:
        return _enqueue(f"tenants.{action}", slug, form.arguments(tenant))
    if request.method == "GET":
        form.fill(tenant)
    context = {
        "chosen": tenant,
        "title": page.title.format(name=tenant.name),
        "button": page.button,
        "tone": "danger" if page.is_dangerous else "primary",
        "word": slug if page.is_typed else "",
        "sentences": wording.consequences(tenant, action),
        "cancel": url_for("tenants.details", slug=slug),
        "running": queries.find_running(slug),
    }
    error = "" if is_typed or typed is None else f"Type {slug}, exactly."
    return _ask(form, error, context)


def _ask(form: AskForm, error: str, context: dict[str, Any]) -> ResponseReturnValue:
    page = render_template("tenants/lifecycle/act.html", form=form, error=error, **context)
    return page, 422 if request.method == "POST" else 200


def _enqueue(job: str, slug: str, arguments: dict[str, Any]) -> ResponseReturnValue:
    running = queries.find_running(slug)
    if running is not None:
        raise ConflictError(
            f"“{running.title}” is under way for this tenant.", fix="Wait until it has ended, then ask again."
        )
    run = jobs.enqueue(job, {"slug": slug, **arguments}, actor=current_user.email)
    return redirect(run_url(run))


@pages.get("/archives/")
@requires(VIEW)
def archives() -> ResponseReturnValue:
    """What is kept of archived and deleted tenants, until when, and how to get it back."""
    found = queries.list_archives()
    known = {tenant.id: tenant for tenant in tenancy.known_tenants()}
    return render_template("tenants/lifecycle/archives.html", archives=found, known=known)


@pages.route("/archives/<int(max=2147483647):archive_id>/restore", methods=["GET", "POST"])
@requires(EDIT)
def restore_archive(archive_id: int) -> ResponseReturnValue:
    """Bring a tenant back, also a deleted one, which no other page knows any more."""
    archive = queries.get_archive(archive_id)
    queries.check_restorable(archive)
    form = AskForm()
    if form.validate_on_submit():
        return _enqueue("tenants.restore", archive.slug, {"archive": archive.id})
    context = {
        "title": f"Restore {archive.name}?",
        "button": "Restore it",
        "tone": "primary",
        "word": "",
        "sentences": wording.restoring(archive),
        "cancel": url_for("lifecycle.archives"),
        "running": queries.find_running(archive.slug),
    }
    return _ask(form, "", context)
