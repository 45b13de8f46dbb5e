"""Owns the pages of actions on many rows: first what will happen to how many, then doing it."""

from http import HTTPStatus
from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import DBAPIError

from dashboard.changes import service as changes
from dashboard.changes.models import ChangeKind, ChangeSet
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from dashboard.core.people import current_user
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.records import bulk, bulk_work, download, pickers
from dashboard.records.bulk_work import Order, Outcome
from dashboard.records.constraint_errors import explain
from dashboard.records.spec import Spec
from dashboard.records.values import dump
from dashboard.records.zones import reading_zone


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
    if permission == "export":
        ids = None if selection.everything else selection.ids
        return download.rows(spec, selection.state, "xlsx" if action == "export_xlsx" else "csv", ids)
    rows = bulk.count(db.session(), spec, selection)
    if action == "set":
        return _set(spec, selection, rows)
    order = Order(action, selection)
    if request.form.get("confirmed") != str(rows):
        return _ask(spec, order, rows)
    return _do(spec, order, rows)


def _ask(spec: Spec, order: Order, rows: int, **more: Any) -> ResponseReturnValue:
    small = rows <= bulk.AT_ONCE
    return render_template(
        "records/bulk.html",
        spec=spec,
        selection=order.selection,
        action=order.action,
        title=bulk.ACTIONS[order.action],
        rows=rows,
        at_once=small,
        left_out=bulk_work.preview(db.session(), spec, order) if small else None,
        has_rules=bulk_work.has_rules(spec, order.action),
        back=_address(spec, order.selection),
        **more,
    )


def _set(spec: Spec, selection: bulk.Selection, rows: int) -> ResponseReturnValue:
    """Choose a field, then its value, then confirm; each step shows what is known."""
    key = request.form.get("field", "")
    fields = bulk.settable(spec)
    if not key:
        return _ask(spec, Order("set", selection), rows, fields=fields, form=None, field="")
    confirmed = request.form.get("confirmed") == str(rows)
    form = bulk.value_form(spec, key, request.form if confirmed else None)
    if confirmed and form.validate():
        try:
            return _do(spec, Order("set", selection, key, form[key].data), rows)
        except InvalidInputError as error:
            form[key].errors = [error.message]
    labels = pickers.read_labels(db.session(), pickers.chosen(form))
    pickers.dress(form, labels)
    page = _ask(spec, Order("set", selection, key), rows, fields=fields, form=form, field=key)
    return (page, 422) if confirmed else page  # type: ignore[return-value]


def _do(spec: Spec, order: Order, rows: int) -> ResponseReturnValue:
    """Change the rows now, or let a job do it where they are many."""
    if rows > bulk.AT_ONCE:
        return redirect(run_url(_enqueue(spec, order)))
    outcome = _change_now(spec, order)
    if not outcome.done:
        flash("No row was changed: they have the value already, or are left out.", "info")
    else:
        words = f"{outcome.done:,} {'row' if outcome.done == 1 else 'rows'} {bulk_work.VERBS[order.action]}."
        flash(Markup("{} {}").format(words, _undo_button(spec, outcome)), "success")
    if outcome.left_out.rows:
        flash(f"{outcome.left_out.rows:,} left out. {' '.join(outcome.left_out.sentences())}", "warning")
    return redirect(_address(spec, order.selection))


def _enqueue(spec: Spec, order: Order) -> Any:
    arguments = {
        "entity": spec.entity,
        "action": order.action,
        "query": order.selection.query,
        "zone": str(reading_zone()),
        "field": order.key,
        "value": dump(order.value),
    }
    return jobs.enqueue("records.bulk", arguments, actor=current_user.email, tenant=g.tenant.slug)


def _change_now(spec: Spec, order: Order) -> Outcome:
    """Change and commit, or say why the database refuses; then nothing was changed."""
    session = db.session()
    try:
        outcome = bulk_work.carry_out(session, spec, order)
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
    return outcome


def _undo_button(spec: Spec, outcome: Outcome) -> Markup:
    address = url_for(f"{spec.endpoint}.undo_view", id=outcome.change_set_id)
    # The template escapes what it is given.
    return Markup(render_template("records/undo_button.html", address=address))  # noqa: S704


def undo(spec: Spec, change_set_id: int) -> ResponseReturnValue:
    """Take one change of many rows of this list back."""
    session = db.session()
    change = session.get(ChangeSet, change_set_id)
    if change is None or (change.entity, change.kind) != (spec.entity, ChangeKind.BULK):
        raise NotFoundError("There is no such change of this list.")
    if change.row_count > bulk.AT_ONCE:
        arguments = {"entity": spec.entity, "change_set": change.id}
        made = jobs.enqueue("records.undo", arguments, actor=current_user.email, tenant=g.tenant.slug)
        return redirect(run_url(made))
    result = changes.undo(session, change.id, actor=current_user.email)
    session.commit()
    flash(f"Undone: {result.restored:,} {'row' if result.restored == 1 else 'rows'}.", "success")
    for _table, row_id, reason in result.skipped[: bulk_work.MAX_NAMED]:
        flash(f"#{row_id} was left as it is: {reason}", "warning")
    return redirect(spec.url("index_view"))


def _address(spec: Spec, selection: bulk.Selection) -> str:
    return f"{spec.url('index_view')}?{selection.query}".rstrip("?")
