"""Owns what collaboration adds to the page of a record: the panel to talk, and entries of its timeline."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Flask, g, render_template
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.collaboration import people, queries
from dashboard.collaboration.models import Activity, Comment
from dashboard.core.db import db
from dashboard.core.people import current_user
from dashboard.core.web import can
from dashboard.files.guards import hidden_reason
from dashboard.files.models import Attachment
from dashboard.records import extensions, history
from dashboard.records.extensions import Panel
from dashboard.records.history import Entry, Source
from dashboard.records.spec import Spec


def init_app(app: Flask) -> None:
    """Add the panel and the kinds of entries."""
    extensions.add_panels(app, panels)
    history.add_source(app, Source("comment", "Comments", "message", _comments))
    history.add_source(app, Source("activity", "Activities", "checklist", _activities))
    history.add_source(app, Source("file", "Files", "paperclip", _files))


def panels(spec: Spec, record: Any) -> Iterator[Panel]:
    """Open activities and the forms to add one and to comment."""
    if not can("records.comment.view"):
        return
    may_assign = can("records.activity.create")
    html = render_template(
        "collaboration/panel.html",
        spec=spec,
        record=record,
        activities=queries.activities_of(db.session(), spec.entity, record.id),
        comments=queries.comments_before(db.session(), spec.entity, record.id, None, 5),
        people=people.list_people(g.tenant.slug) if may_assign else [],
        may_assign=may_assign,
        may_comment=can("records.comment.create"),
        me=current_user.email,
    )
    yield Panel("talk", "Comments and activities", Markup(html), "main", 200)  # noqa: S704  # our own template


def _comments(session: Session, spec: Spec, record: Any, before: datetime | None, limit: int) -> list[Entry]:
    found = queries.comments_before(session, spec.entity, record.id, before, limit)
    return [
        Entry("comment", item.created_at, item.created_by or "", "commented", item.body, tools=_tools(item))
        for item in found
    ]


def _tools(comment: Comment) -> Markup | str:
    if (comment.created_by or "").lower() != current_user.email.lower() or not can("records.comment.edit"):
        return ""
    return Markup(render_template("collaboration/_comment_tools.html", comment=comment))  # noqa: S704


def _activities(
    session: Session, spec: Spec, record: Any, before: datetime | None, limit: int
) -> list[Entry]:
    found = queries.activities_before(session, spec.entity, record.id, before, limit)
    return [
        Entry(
            "activity",
            item.created_at,
            item.created_by or "",
            f"asked {item.assignee}" if item.assignee != item.created_by else "noted",
            _activity_text(item),
            title=item.title,
            status="done" if item.done_at else "open",
        )
        for item in found
    ]


def _activity_text(item: Activity) -> str:
    parts = [f"Due on {item.due_on.isoformat()}." if item.due_on else "", item.note or ""]
    if item.done_at:
        parts.append(f"Done by {item.done_by}.")
    return " ".join(part for part in parts if part)


def _files(session: Session, spec: Spec, record: Any, before: datetime | None, limit: int) -> list[Entry]:
    if hidden_reason(session, spec.entity, record.id):
        return []  # even the name of a sealed file is nobody's business
    query = select(Attachment).where(Attachment.entity == spec.entity, Attachment.record_id == record.id)
    if before is not None:
        query = query.where(Attachment.created_at < before)
    rows = session.scalars(query.order_by(Attachment.created_at.desc(), Attachment.id.desc()).limit(limit))
    return [
        Entry(
            "file",
            item.created_at,
            item.created_by or "",
            "added a new version of a file" if item.revision > 1 else "added a file",
            title=f"{item.file_name}{' (removed since)' if item.deleted_at else ''}",
        )
        for item in rows
    ]
