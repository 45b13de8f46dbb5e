"""Pages of the legacy import: upload, look at the dry run, import as a job."""

from flask import Blueprint, Flask, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.filters import url_if
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.erp.legacy import service, uploads
from dashboard.erp.legacy.reading import MAX_BYTES
from dashboard.jobs import service as jobs

PERMISSION = "records.legacy.create"
pages = Blueprint("legacy", __name__, url_prefix="/t/<tenant>/records/legacy")


def init_app(app: Flask) -> None:
    """Register the pages and the menu entry."""
    app.register_blueprint(pages)
    item = MenuItem("records", "Legacy import", "legacy.index", PERMISSION, "database-import", 900, "Tools")
    register_menu(app, item)


@pages.get("/")
@requires(PERMISSION)
def index() -> ResponseReturnValue:
    """Ask for a file and the organization."""
    return _ask(g.tenant.name, {})


@pages.post("/")
@requires(PERMISSION)
def check() -> ResponseReturnValue:
    """Keep the file, run the import once and take it back, show the report."""
    organization = request.form.get("organization", "").strip() or g.tenant.name
    name = ""
    try:
        name = uploads.keep(g.tenant, request.files.get("file"))
        report = service.load(db.session(), uploads.find(g.tenant, name), organization, dry_run=True)
    except InvalidInputError as error:
        if name:
            uploads.discard(g.tenant, name)
        return _ask(organization, error.fields or {"file": error.message}), error.status
    return render_template("erp/legacy/report.html", report=report, upload=name)


@pages.post("/run")
@requires(PERMISSION)
def run() -> ResponseReturnValue:
    """Import the file that was looked at."""
    upload, organization = request.form.get("upload", ""), request.form.get("organization", "")
    uploads.find(g.tenant, upload)
    arguments = {"upload": upload, "organization": organization}
    started = jobs.enqueue("legacy.load", arguments, actor=current_user.email, tenant=g.tenant.slug)
    return redirect(url_if("jobs.own_run", run_id=started.id) or url_for("legacy.index"))


def _ask(organization: str, errors: dict[str, str]) -> str:
    limit = MAX_BYTES
    return render_template("erp/legacy/index.html", organization=organization, errors=errors, limit=limit)
