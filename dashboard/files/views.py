"""Pages behind the Files panel: upload, new version, delete, restore, download, preview."""

from typing import Any

from flask import Blueprint, Flask, Response, abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as Redirect

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, ForbiddenError, NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.files import delivery, links, previews, service
from dashboard.files.models import Attachment
from dashboard.files.setup import current_setup
from dashboard.records import registry
from dashboard.records.spec import Spec

VIEW, EDIT = "records.file.view", "records.file.edit"
MAX_AT_ONCE = 20
KEY = "<int(max=9223372036854775807):id>"
pages = Blueprint("files", __name__, url_prefix="/t/<tenant>/records/files")


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(pages)


@pages.post("/<entity>/<int(max=9223372036854775807):record_id>")
@requires(EDIT)
def add(entity: str, record_id: int) -> ResponseReturnValue:
    """Keep the uploaded files; one that is refused does not stop the others."""
    spec = _spec(entity, "edit")
    record = db.session.get(spec.model, record_id)
    if record is None:
        raise NotFoundError(f"There is no {spec.noun} with the number {record_id}.")
    if getattr(record, "deleted_at", None):
        raise ConflictError(f"This {spec.noun} is deleted.", fix="Restore it before you add files.")
    uploads = [upload for upload in request.files.getlist("files") if upload.filename]
    if not uploads:
        flash("Choose at least one file.", "warning")
    for upload in uploads[:MAX_AT_ONCE]:
        _add_one(entity, record_id, upload)
    if len(uploads) > MAX_AT_ONCE:
        flash(f"Only the first {MAX_AT_ONCE} files were taken; send the rest after them.", "warning")
    db.session.commit()
    return _back(entity, record_id)


def _add_one(entity: str, record_id: int, upload: FileStorage) -> None:
    try:
        with db.session.begin_nested():
            row = service.store(db.session(), entity, record_id, upload.filename or "", upload.stream)
        flash(f"“{row.file_name}” was added.", "success")
    except DashboardError as error:
        flash(f"{error.message} {error.fix}".strip(), "danger")


@pages.post(f"/{KEY}/replace")
@requires(EDIT)
def replace(id: int) -> ResponseReturnValue:  # noqa: A002 - the name in the address
    """Keep a newer version of a file."""
    row = _file(id, "edit")
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        flash("Choose the file that is the new version.", "warning")
        return _back(row.entity, row.record_id)
    try:
        newer = service.replace(db.session(), row, upload.filename, upload.stream)
        db.session.commit()
        flash(f"“{newer.file_name}” is now version {newer.revision}.", "success")
    except DashboardError as error:
        db.session.rollback()
        flash(f"{error.message} {error.fix}".strip(), "danger")
    return _back(row.entity, row.record_id)


@pages.post(f"/{KEY}/delete")
@requires(EDIT)
def delete(id: int) -> ResponseReturnValue:  # noqa: A002
    """Mark a file as deleted."""
    row = _file(id, "edit")
    service.delete(db.session(), row)
    db.session.commit()
    flash(f"“{row.file_name}” was deleted; it can be restored below the list.", "success")
    return _back(row.entity, row.record_id)


@pages.post(f"/{KEY}/restore")
@requires(EDIT)
def restore(id: int) -> ResponseReturnValue:  # noqa: A002
    """Bring a deleted file back."""
    row = _file(id, "edit")
    service.restore(db.session(), row)
    db.session.commit()
    flash(f"“{row.file_name}” was restored.", "success")
    return _back(row.entity, row.record_id)


@pages.get(f"/{KEY}/download")
@requires(VIEW)
def download(id: int) -> ResponseReturnValue:  # noqa: A002
    """Check the permission, then lead to a link that works for a few minutes."""
    row = _file(id, "view")
    token = links.sign(links.Pass(g.tenant.slug, row.id, current_user.email))
    return redirect(url_for("files.fetch", token=token))


@pages.get("/get/<token>")
@requires(VIEW)
def fetch(token: str) -> ResponseReturnValue:
    """The bytes behind a link."""
    given = links.read(token, current_setup().link_seconds)
    if (given.tenant, given.person) != (g.tenant.slug, current_user.email):
        raise ForbiddenError("This link to a file is somebody else's.", fix=links.GONE)
    return delivery.send(db.session(), _file(given.attachment_id, "view"))


@pages.get(f"/{KEY}/preview")
@requires(VIEW)
def preview(id: int) -> ResponseReturnValue:  # noqa: A002
    """A small picture of an image."""
    row = _file(id, "view")
    if not previews.has_preview(row.content_type):
        abort(404)
    drawn = previews.remembered(row.sha256)
    if drawn is None:
        with service.open_file(db.session(), row) as stream:
            drawn = previews.draw(stream, row.content_type)
        previews.remember(row.sha256, drawn)
    if not drawn:
        abort(404)
    answer = Response(drawn, mimetype=previews.MEDIA_TYPE)
    answer.headers["Content-Security-Policy"] = delivery.SANDBOX
    return answer


def _file(attachment_id: int, action: str) -> Attachment:
    """A file of a record this person may see (or edit). Raises NotFoundError, ForbiddenError."""
    row = service.get_file(db.session(), attachment_id)
    _spec(row.entity, action)
    return row


def _spec(entity: str, action: str) -> Spec:
    screen = registry.find(entity)
    if screen is None:
        raise NotFoundError("There are no records of this kind.")
    permission = f"records.{entity}.{action}"
    if not can(permission):
        raise ForbiddenError(
            f"Your roles do not include {permission}.",
            fix="Ask an administrator for a role that includes it.",
        )
    spec: Spec = screen.spec
    return spec


def _back(entity: str, record_id: int) -> Redirect:
    values: dict[str, Any] = {"id": record_id, "_anchor": "files"}
    return redirect(_spec(entity, "view").url("details_view", **values))
