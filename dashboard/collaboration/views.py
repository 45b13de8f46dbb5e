"""Pages of comments, activities and notifications; what was typed is shown again when it is refused."""

from datetime import date
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.collaboration import bell, people, queries, service
from dashboard.collaboration.models import Activity, Comment, Notification
from dashboard.core.db import db
from dashboard.core.errors import ForbiddenError, InvalidInputError, NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.records import registry
from dashboard.records.details import about, title_of
from dashboard.records.spec import Spec
from dashboard.records.urls import record_url

pages = Blueprint("collaboration", __name__, url_prefix="/t/<tenant>/records")
ID = "int(max=9223372036854775807)"


@pages.post(f"/<entity>/<{ID}:record_id>/comments")
@requires("records.comment.create")
def comment(entity: str, record_id: int) -> ResponseReturnValue:
    """Say something about a record."""
    spec, record = _about(entity, record_id)
    body = request.form.get("body", "")
    try:
        service.add_comment(
            db.session(),
            entity,
            record_id,
            body,
            author=current_user.email,
            about=about(spec, record),
            tenant=g.tenant.slug,
        )
    except InvalidInputError as error:
        return _ask_comment(spec, record, body, error.message, request.path)
    db.session.commit()
    return redirect(_place(entity, record_id, "talk"))


@pages.route(f"/comments/<{ID}:comment_id>/edit", methods=("GET", "POST"))
@requires("records.comment.edit")
def edit_comment(comment_id: int) -> ResponseReturnValue:
    """Change one's own comment."""
    found = service.live(db.session(), Comment, comment_id)
    spec, record = _about(found.entity, found.record_id)
    if (found.created_by or "").lower() != current_user.email.lower():
        raise ForbiddenError("This comment is somebody else's.", fix="Only its author can change it.")
    if request.method == "GET":
        return _ask_comment(spec, record, found.body, "", request.path)
    body = request.form.get("body", "")
    try:
        service.edit_comment(
            db.session(),
            found,
            body,
            author=current_user.email,
            about=about(spec, record),
            tenant=g.tenant.slug,
        )
    except InvalidInputError as error:
        return _ask_comment(spec, record, body, error.message, request.path)
    db.session.commit()
    return redirect(_place(spec.entity, record.id, "talk"))


@pages.post(f"/comments/<{ID}:comment_id>/delete")
@requires("records.comment.delete")
def delete_comment(comment_id: int) -> ResponseReturnValue:
    """Take one's own comment back."""
    found = service.live(db.session(), Comment, comment_id)
    _about(found.entity, found.record_id)
    service.delete_comment(db.session(), found, author=current_user.email)
    place = _place(found.entity, found.record_id, "talk")
    db.session.commit()
    flash("The comment was deleted.", "success")
    return redirect(place)


@pages.post(f"/<entity>/<{ID}:record_id>/activities")
@requires("records.activity.create")
def activity(entity: str, record_id: int) -> ResponseReturnValue:
    """Note something to do about a record."""
    spec, record = _about(entity, record_id)
    try:
        service.add_activity(
            db.session(),
            entity,
            record_id,
            request.form.get("title", ""),
            assignee=_assignee(request.form.get("assignee", "")),
            due_on=_day(request.form.get("due_on", "")),
            note=request.form.get("note", ""),
            author=current_user.email,
        )
    except InvalidInputError as error:
        page = render_template(
            "collaboration/activity.html",
            spec=spec,
            record=record,
            title=title_of(spec, record),
            typed=request.form,
            errors=error.fields,
            people=people.list_people(g.tenant.slug),
        )
        return page, error.status
    db.session.commit()
    return redirect(_place(entity, record_id, "talk"))


@pages.post(f"/activities/<{ID}:activity_id>/<any(done, open):state>")
@requires("records.activity.edit")
def set_done(activity_id: int, state: str) -> ResponseReturnValue:
    """Tick an activity off, or open it again."""
    found = service.live(db.session(), Activity, activity_id)
    _about(found.entity, found.record_id)
    service.set_done(db.session(), found, done=state == "done", author=current_user.email)
    title, place = found.title, _place(found.entity, found.record_id, "talk")
    db.session.commit()
    flash(f"“{title}” is {'done' if state == 'done' else 'open again'}.", "success")
    return redirect(place)


@pages.get("/notifications/")
@requires("records.notification.view")
def notifications() -> ResponseReturnValue:
    """What one was told, the newest first."""
    before = request.args.get("before", type=int)
    found = queries.list_notifications(
        db.session(), current_user.email, before if before and 0 < before < 2**63 else None
    )
    urls = {item.id: _url(item) for item in found}
    older = found[-1].id if len(found) == queries.PAGE else None
    return render_template(
        "collaboration/notifications.html", found=found, urls=urls, older=older, before=before
    )


@pages.post("/notifications/read")
@requires("records.notification.view")
def read_all() -> ResponseReturnValue:
    """Mark everything one was told as read."""
    return _read(None)


@pages.post(f"/notifications/<{ID}:notification_id>/read")
@requires("records.notification.view")
def read_one(notification_id: int) -> ResponseReturnValue:
    """Mark one notification as read."""
    return _read(notification_id)


def _read(notification_id: int | None) -> ResponseReturnValue:
    service.mark_read(db.session(), current_user.email, notification_id)
    db.session.commit()
    bell.forget(current_user.email)
    return redirect(request.script_root + request.path.partition("/notifications/")[0] + "/notifications/")


def _url(item: Notification) -> str:
    """The record a notification is about; '' where it has no page or not for this person."""
    if not item.entity or not item.record_id or not registry.find(item.entity):
        return ""
    return record_url(item.entity, item.record_id) if can(f"records.{item.entity}.view") else ""


def _about(entity: str, record_id: int) -> tuple[Spec, Any]:
    """The record one talks about. Raises NotFoundError, ForbiddenError."""
    screen = registry.find(entity)
    record = db.session.get(screen.spec.model, record_id) if screen else None
    if screen is None or record is None:
        raise NotFoundError("There is no such record.")
    if not screen.spec.allows("view"):
        raise ForbiddenError(f"Your roles do not include records.{entity}.view.")
    return screen.spec, record


def _place(entity: str, record_id: int, part: str) -> str:
    return f"{record_url(entity, record_id)}#{part}"


def _ask_comment(spec: Spec, record: Any, body: str, error: str, action: str) -> ResponseReturnValue:
    page = render_template(
        "collaboration/comment.html",
        spec=spec,
        record=record,
        title=title_of(spec, record),
        body=body,
        error=error,
        action=action,
    )
    return page, 422 if error else 200


def _assignee(text: str) -> str:
    address = text.strip().lower()
    if address not in {person.email.lower() for person in people.list_people(g.tenant.slug)}:
        message = "Choose somebody who has access to this tenant."
        raise InvalidInputError(message, fields={"assignee": message})
    return address


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        message = f"“{text[:40]}” is not a date; write it as 2026-03-31."
        raise InvalidInputError(message, fields={"due_on": message}) from None
