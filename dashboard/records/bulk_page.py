"""Owns the pages of actions on many rows: first what will happen to how many, then doing it."""

from http import HTTPStatus
from typing import Any

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError
from dashboard.records import bulk, list_page, pickers
from dashboard.records import export as csv
from dashboard.records.constraint_errors import explain
from dashboard.records.spec import Spec


def run(spec: Spec) -> ResponseReturnValue:
    """Ask about an action, or do it once it is confirmed."""
    action = request.form.get("action", "")
    if action not in bulk.ACTIONS:
        raise InvalidInputError("Choose what to do with the selected rows.")
    permission = bulk.PERMISSIONS.get(action, action)
    if not spec.allows(permission):
        raise ForbiddenError(
            f"You may not {bulk.ACTIONS[action].lower()} here: it needs records.{spec.entity}.{permission}."
        )
    selection = bulk.read_selection(spec, request.form)
    if action == "export":
        return list_page.csv_response(spec, _export_query(spec, selection))
    rows = bulk.count(db.session(), spec, selection)
    if action == "set":
        return _set(spec, selection, rows)
    if request.form.get("confirmed") != str(rows):
        return _ask(spec, selection, action, rows)
    done = _do(spec, bulk.delete if action == "delete" else bulk.restore, selection)
    flash(
        f"{done:,} {'row' if done == 1 else 'rows'} {'deleted' if action == 'delete' else 'restored'}.",
        "success",
    )
    return _back(spec, selection)


def _export_query(spec: Spec, selection: bulk.Selection) -> Any:
    query = csv.query(spec, selection.state)
    return query if selection.everything else query.where(spec.table.c.id.in_(selection.ids))


def _ask(spec: Spec, selection: bulk.Selection, action: str, rows: int, **more: Any) -> ResponseReturnValue:
    return render_template(
        "records/bulk.html",
        spec=spec,
        selection=selection,
        action=action,
        title=bulk.ACTIONS[action],
        rows=rows,
        back=f"{spec.url('index_view')}?{selection.query}",
        **more,
    )


def _set(spec: Spec, selection: bulk.Selection, rows: int) -> ResponseReturnValue:
    """Choose a field, then its value, then confirm; each step shows what is known."""
    key = request.form.get("field", "")
    fields = bulk.settable(spec)
    if not key:
        return _ask(spec, selection, "set", rows, fields=fields, form=None, field="")
    confirmed = request.form.get("confirmed") == str(rows)
    form = bulk.value_form(spec, key, request.form if confirmed else None)
    if confirmed and form.validate():
        try:
            done = _do(spec, bulk.set_value, selection, key, form[key].data)
        except InvalidInputError as error:
            form[key].errors = [error.message]
        else:
            words = "row" if done == 1 else "rows"
            flash(f"{spec.columns[key].label} changed on {done:,} {words}.", "success")
            return _back(spec, selection)
    labels = pickers.read_labels(db.session(), pickers.chosen(form))
    pickers.dress(form, labels)
    page = _ask(spec, selection, "set", rows, fields=fields, form=form, field=key)
    return (page, 422) if confirmed else page  # type: ignore[return-value]


def _do(spec: Spec, action: Any, selection: bulk.Selection, *values: Any) -> int:
    """Run one statement and commit, or say why the database refuses; then nothing was changed."""
    session = db.session()
    try:
        done = action(session, spec, selection, *values)
        session.commit()
    except DBAPIError as error:
        refusal = explain(error, {spec.entity: spec.columns})
        session.rollback()
        if refusal is None:
            raise
        if refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise InvalidInputError(f"No row was changed. {refusal.message}") from error
        raise ConflictError(
            f"No row was changed. {refusal.message}", fix="Leave out the rows this is about."
        ) from error
    return int(done)


def _back(spec: Spec, selection: bulk.Selection) -> ResponseReturnValue:
    return redirect(f"{spec.url('index_view')}?{selection.query}".rstrip("?"))
