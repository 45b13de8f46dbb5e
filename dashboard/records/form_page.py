"""Owns the pages of one record: its form, what saving answers, its details."""

import re
from http import HTTPStatus

from flask import flash, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.core.filters import viewer_zone
from dashboard.records import details as detail
from dashboard.records import editing, extensions, history_page, pickers
from dashboard.records.constraint_errors import explain
from dashboard.records.editing import Editing
from dashboard.records.fields import text_limit
from dashboard.records.spec import Spec
from dashboard.records.values import NUL

CREATED = HTTPStatus.CREATED
HISTORY_LIMIT = 15


def show(editing_: Editing) -> ResponseReturnValue:
    """Show a form in whatever state it is."""
    spec, record = editing_.spec, editing_.record
    editing_.dress(db.session())
    title = f"New {spec.noun}" if record is None else detail.title_of(spec, record)
    action = spec.url("create_view") if record is None else spec.url("edit_view", id=record.id)
    back = spec.url("index_view") if record is None else spec.url("details_view", id=record.id)
    frozen = detail.read_frozen(db.session(), spec, record, editing_.frozen, viewer_zone())
    page = render_template(
        "records/form.html",
        frozen_values=frozen[0],
        frozen_tables=frozen[1],
        spec=spec,
        editing=editing_,
        form=editing_.form,
        record=record,
        base=editing_.base(db.session()) if record is not None and spec.versioned else "",
        title=title,
        action=action,
        back=back,
        is_wide=lambda key: editing.is_text(spec.columns[key].kind),
    )
    return page, editing_.status


def save(editing_: Editing) -> ResponseReturnValue:
    """Save a submitted form and go to the record, or show it again with what is wrong."""
    if not editing_.valid:
        return show(editing_)
    session = db.session()
    record = editing.store(session, editing_, session.commit)
    if record is None:
        return show(editing_)
    spec = editing_.spec
    flash(f"{spec.singular} {'created' if editing_.record is None else 'saved'}.", "success")
    if news := merged_words(editing_):
        flash(news, "info")
    if request.form.get("next") == "new":
        return redirect(spec.url("create_view"))
    return redirect(spec.url("details_view", id=record.id))


def merged_words(editing_: Editing) -> str:
    """What somebody else had changed meanwhile and was kept."""
    news = [f"{item.label} ({item.base} → {item.theirs})" for item in editing_.taken_over]
    news += editing_.row_news
    if not editing_.stale or not news:
        return ""
    return f"{editing_.other or 'Somebody else'} had saved meanwhile; this was kept: {'; '.join(news)}."


def details(spec: Spec, record: object) -> ResponseReturnValue:
    """Show a record with its rows, what refers to it, and its history."""
    shown = detail.read(db.session(), spec, record, viewer_zone())
    return render_template(
        "records/details.html",
        spec=spec,
        shown=shown,
        record=record,
        panels=extensions.panels(spec, record),
        actions=extensions.actions(spec, record),
        lock_reason=spec.lock_reason(record),
        **history_page.for_details(spec, record, HISTORY_LIMIT),
    )


def quick_create(spec: Spec) -> ResponseReturnValue:
    """Make a record from its name alone and answer as the picker wants it."""
    text = request.form.get("text", "").strip()
    if message := _refused_name(spec, text):
        return jsonify(error=message), HTTPStatus.UNPROCESSABLE_ENTITY
    session = db.session()
    record = spec.model(**{spec.label: text})
    if "org_id" in spec.columns:
        given = request.form.get("org_id", "")
        is_number = given.isascii() and given.isdecimal() and len(given) < 19
        record.org_id = int(given) if is_number else pickers.only_org(session, spec.columns["org_id"])
    for key in ("code", "sku"):
        if key in spec.columns and not spec.columns[key].nullable and key != spec.label:
            setattr(record, key, re.sub(r"[^A-Z0-9]+", "-", text.upper()).strip("-")[:20] or "NEW")
    session.add(record)
    try:
        session.commit()
    except DBAPIError as error:
        refusal = explain(error, {spec.entity: spec.columns})
        session.rollback()
        if refusal is None:
            raise
        return jsonify(error=refusal.message), refusal.status
    return jsonify(id=str(record.id), text=text), CREATED


def _refused_name(spec: Spec, text: str) -> str:
    """Why no record can be made from a name; '' where it can."""
    if not text:
        return "Type a name."
    if not pickers.quick_key(spec):
        return f"A new {spec.noun} needs its own form."
    if NUL in text:
        return "This text contains a character that cannot be stored (NUL)."
    limit = text_limit(spec.columns[spec.label])
    return f"At most {limit:,} characters can be stored." if len(text) > limit else ""
