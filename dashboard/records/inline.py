"""Owns editing one cell of a list: the field's own widget and rules, nothing overwritten unseen."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.core.filters import viewer_zone
from dashboard.records import pickers, render, saved_views
from dashboard.records.columns import Kind
from dashboard.records.constraint_errors import explain
from dashboard.records.forms import RecordForm, apply, build_form, raw_value
from dashboard.records.listing import layout
from dashboard.records.render import text_of
from dashboard.records.spec import Spec


@dataclass
class Editor:
    """One cell being edited. `refusal` says why it cannot be; `theirs` is a value stored meanwhile."""

    spec: Spec
    record: Any
    key: str
    form: RecordForm
    base: str
    refusal: str = ""
    theirs: str | None = None
    status: HTTPStatus = HTTPStatus.OK

    @property
    def version(self) -> str:
        """Version of the record the editor works on."""
        return str(getattr(self.record, "version", ""))


def editable(spec: Spec) -> frozenset[str]:
    """Columns whose cells can be edited in the list: those of the form that fit into a cell."""
    if not spec.switches.get("edit", True):
        return frozenset()
    keys = (key for key in spec.form_keys if key != "org_id")
    return frozenset(key for key in keys if spec.columns[key].kind is not Kind.DOCUMENT)


def cell(spec: Spec, record: Any, key: str) -> ResponseReturnValue:
    """Show the widget of a cell (GET), or store what was typed and answer with the row (POST)."""
    if key not in editable(spec):
        raise NotFoundError("This cell cannot be edited in the list.")
    editor = _open(spec, record, key)
    if editor.refusal or request.method == "GET":
        return _show(editor)
    stored = _store(db.session(), editor)
    return _row(spec, record.id) if stored else _show(editor)


def _open(spec: Spec, record: Any, key: str) -> Editor:
    form_class = build_form([spec.columns[key]])
    stored = form_class(obj=record)
    base = raw_value(stored[key])
    if request.method == "GET":
        editor = Editor(spec, record, key, stored, base)
    else:
        editor = Editor(spec, record, key, form_class(request.form, obj=record), request.form.get("base", ""))
        if spec.versioned and request.form.get("version") != editor.version and base != editor.base:
            editor.theirs = base
    editor.refusal = _refusal(spec, record, key)
    if editor.refusal:
        editor.status = HTTPStatus.CONFLICT
    return editor


def _refusal(spec: Spec, record: Any, key: str) -> str:
    if getattr(record, "deleted_at", None):
        return f"This {spec.noun} is deleted. Restore it before you edit it."
    if reason := spec.lock_reason(record):
        return reason
    if key in spec.frozen_fields(record):
        return f"{spec.columns[key].label} cannot be changed now: the workflow of this {spec.noun} sets it."
    return ""


def _store(session: Session, editor: Editor) -> bool:
    """Store the value and commit. A change of other fields meanwhile is no conflict."""
    form, key = editor.form, editor.key
    if not form.validate():
        editor.status = HTTPStatus.UNPROCESSABLE_ENTITY
        return False
    if editor.theirs is not None and raw_value(form[key]) != editor.theirs:
        editor.status = HTTPStatus.CONFLICT
        return False
    try:
        apply(form, editor.spec.columns, editor.record, new=False)
        session.commit()
    except StaleDataError:
        return _clash(session, editor)
    except DBAPIError as error:
        refusal = explain(error, {editor.spec.entity: editor.spec.columns})
        session.rollback()
        if refusal is None:
            raise
        form[key].errors = [refusal.message]
        editor.status = refusal.status
        return False
    return True


def _clash(session: Session, editor: Editor) -> bool:
    """Somebody stored the record between our reading and writing."""
    session.rollback()
    session.refresh(editor.record)
    editor.theirs = raw_value(build_form([editor.spec.columns[editor.key]])(obj=editor.record)[editor.key])
    editor.status = HTTPStatus.CONFLICT
    return False


def _show(editor: Editor) -> ResponseReturnValue:
    session, column = db.session(), editor.spec.columns[editor.key]
    labels = pickers.read_labels(session, pickers.chosen(editor.form))
    pickers.dress(editor.form, labels)
    theirs = ""
    if editor.theirs is not None:
        value = getattr(editor.record, editor.key)
        theirs = text_of(column, value, zone=viewer_zone())
        if column.reference and value is not None:
            found = pickers.read_labels(session, [(column.reference, value)])
            theirs = found.get((column.reference.entity, value), f"#{value}")
    page = render_template(
        "records/cell.html",
        spec=editor.spec,
        editor=editor,
        column=column,
        field=editor.form[editor.key],
        theirs=theirs,
    )
    return page, editor.status


def _row(spec: Spec, row_id: int) -> ResponseReturnValue:
    """The row as the list shows it now."""
    state = saved_views.read_state(spec, "", request.form.get("cols", ""))
    shown = layout(spec, state.columns, "id", descending=False)
    rows = db.session.execute(shown.select.where(spec.table.c.id == row_id)).all()
    base = spec.url("index_view")
    return render.render_rows(spec, shown, state.columns, rows, base=base, zone=viewer_zone())
