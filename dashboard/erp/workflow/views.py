"""Pages that ask before a step: what it does, what still stands in its way and how to mend that."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from dashboard.core.filters import viewer_zone
from dashboard.core.web import can, requires
from dashboard.erp.workflow import service
from dashboard.erp.workflow.steps import Ask, Transition, Workflow
from dashboard.records import registry
from dashboard.records.constraint_errors import explain
from dashboard.records.extensions import Action, add_actions
from dashboard.records.spec import Spec

pages = Blueprint("workflow", __name__, url_prefix="/t/<tenant>/records")
ADDRESS = "/<entity>/<int(max=9223372036854775807):record_id>/step/<name>"


def init_app(app: Flask) -> None:
    """Register the pages and the buttons of every record with a workflow."""
    app.register_blueprint(pages)
    add_actions(app, _buttons)


def step_url(entity: str, record_id: int, name: str) -> str:
    """Address of the page that asks before a step."""
    return url_for("workflow.step", entity=entity, record_id=record_id, name=name)


def _buttons(spec: Spec, record: Any) -> list[Action]:
    workflow = service.find_workflow(spec.entity)
    if workflow is None:
        return []
    return [
        # danger is said on the page that asks; here it would outshine what people mostly want
        Action(
            step.label,
            step_url(spec.entity, record.id, step.name),
            step.icon,
            style="" if step.style == "danger" else step.style,
        )
        for step in workflow.offered(record)
        if can(workflow.permission(step))
    ]


@pages.route(ADDRESS, methods=["GET", "POST"])
@requires("records.workflow.run")
def step(entity: str, record_id: int, name: str) -> ResponseReturnValue:
    """Ask about a step, or do it."""
    workflow, found = service.find_step(entity, name)
    if found.automatic or not can(workflow.permission(found)):
        raise ForbiddenError(
            f"“{found.label}” needs the permission {workflow.permission(found)}.",
            fix="Ask an administrator for a role that includes it.",
        )
    record = db.session.get(workflow.model, record_id)
    if record is None:
        raise NotFoundError(f"There is no {workflow.noun} with the number {record_id}.")
    if request.method == "POST":
        return _do(workflow, found, record)
    service.check_state(workflow, found, record, None)
    return _page(workflow, found, record, {ask.key: _initial(ask, record) for ask in found.asks}, {})


def _do(workflow: Workflow, step: Transition, record: Any) -> ResponseReturnValue:
    session, typed = db.session(), {ask.key: request.form.get(ask.key, "") for ask in step.asks}
    version = request.form.get("version", "")
    seen = int(version) if version.isdecimal() and len(version) < 10 else None
    try:
        service.transition(session, record, step.name, version=seen, zone=viewer_zone(), **typed)
        session.commit()
    except InvalidInputError as error:
        session.rollback()
        return _page(workflow, step, record, typed, error.fields, error.message), error.status
    except DBAPIError as error:
        refusal = explain(error, {})
        session.rollback()
        if refusal is None:
            raise
        raise ConflictError(f"Nothing was done. {refusal.message}") from error
    flash(f"{step.label}: done.", "success")
    screen = registry.find(workflow.entity)
    if screen is None:
        raise ConflictError("The step was done; this record has no page.")
    return redirect(screen.spec.url("details_view", id=record.id))


def _initial(ask: Ask, record: Any) -> str:
    if ask.kind == "tick":
        return "1"
    value = getattr(record, ask.key, None) if ask.stored else None
    if value is None:
        return ""
    return f"{value.astimezone(viewer_zone()):%Y-%m-%dT%H:%M}" if ask.kind == "moment" else str(value)


def _page(
    workflow: Workflow,
    step: Transition,
    record: Any,
    typed: dict[str, str],
    errors: dict[str, str],
    message: str = "",
) -> str:
    values = {ask.key: ask.read(typed.get(ask.key), viewer_zone())[0] for ask in step.asks}
    problems = service.problems(db.session(), step, record, values)
    asked = {ask.key for ask in step.asks}
    screen = registry.find(workflow.entity)
    return render_template(
        "erp/workflow/step.html",
        workflow=workflow,
        step=step,
        record=record,
        typed=typed,
        errors=errors,
        message=message,
        problems=problems,
        mendable=all(problem.field in asked for problem in problems),
        zone=getattr(viewer_zone(), "key", "UTC"),
        spec=screen.spec if screen else None,
    )
