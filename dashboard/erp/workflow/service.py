"""Owns the one write that moves a document: lock, version, state, guards, then a single UPDATE of its row.

Callers commit. `transition(session, rfq, "send", version=3)` is all a page or a job needs.
"""

from datetime import UTC, tzinfo
from typing import Any

from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.erp.workflow.steps import Problem, Transition, Values, Workflow

_workflows: dict[str, Workflow] = {}


def register(workflow: Workflow) -> Workflow:
    """Make a workflow known by its entity; a second declaration of an entity replaces the first."""
    _workflows[workflow.entity] = workflow
    return workflow


def find_workflow(entity: str) -> Workflow | None:
    """The workflow of an entity, None where it has none."""
    return _workflows.get(entity)


def find_step(entity: str, name: str) -> tuple[Workflow, Transition]:
    """A step with its workflow. Raises NotFoundError."""
    workflow = _workflows.get(entity)
    step = workflow.find(name) if workflow else None
    if workflow is None or step is None:
        raise NotFoundError("There is no such step for this record.")
    return workflow, step


def transition(
    session: Session,
    record: Any,
    name: str,
    *,
    version: int | None = None,
    zone: tzinfo = UTC,
    **fields: Any,
) -> Any:
    """Move a record by the step `name` and return it; the row is locked until the caller commits.

    `version` is the one the person saw; typed moments without a zone are read in `zone`. Raises ConflictError
    for a stale version or a state the step does not start from, InvalidInputError (its message names each
    failed guard, `fix` how to mend them, `fields` what was typed wrong).
    """
    workflow, step = find_step(record.__tablename__, name)
    session.flush()
    session.refresh(record, with_for_update=True)
    check_state(workflow, step, record, version)
    values = read_fields(step, fields, zone)
    if found := problems(session, step, record, values):
        raise InvalidInputError(
            " ".join(f"{problem.guard}: {problem.message}" for problem in found),
            fix=" ".join(dict.fromkeys(problem.fix for problem in found)),
            fields={problem.field: problem.message for problem in found if problem.field},
        )
    _write(session, step, record, values)
    return record


def _write(session: Session, step: Transition, record: Any, values: Values) -> None:
    with session.no_autoflush:  # whatever `before` looks up, the row is written once
        for ask in step.asks:
            if ask.stored and ask.key in values:
                setattr(record, ask.key, values[ask.key])
        if step.before:
            step.before(session, record, values)
        if step.target is not None:
            record.status = step.target
    session.flush()
    if step.after:
        step.after(session, record, values)
        session.flush()


def check_state(workflow: Workflow, step: Transition, record: Any, version: int | None) -> None:
    """Raise ConflictError for a deleted, changed or elsewhere standing record."""
    if getattr(record, "deleted_at", None):
        raise ConflictError(f"This {workflow.noun} is deleted.", fix="Restore it first.")
    if record.status not in step.sources:
        wanted = " or ".join(sorted(state.replace("_", " ") for state in step.sources))
        raise ConflictError(
            f"This {workflow.noun} is {str(record.status).replace('_', ' ')}:"
            f" “{step.label}” starts from {wanted}.",
            fix="Reload the page; somebody may have moved it on meanwhile.",
        )
    if version is not None and record.version != version:
        raise ConflictError(
            f"This {workflow.noun} was changed by {record.updated_by or 'somebody'} since you looked at it.",
            fix="Nothing was done. Look at it again, then repeat the step.",
        )


def read_fields(step: Transition, fields: Values, zone: tzinfo = UTC) -> dict[str, Any]:
    """The values of the asked fields. Raises InvalidInputError with a message per field."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for ask in step.asks:
        values[ask.key], error = ask.read(fields.get(ask.key), zone)
        if error:
            errors[ask.key] = f"{ask.label}: {error}"
    if errors:
        raise InvalidInputError(
            " ".join(errors.values()), fix="Fill in the field and try again.", fields=errors
        )
    return values


def problems(session: Session, step: Transition, record: Any, values: Values) -> list[Problem]:
    """The guards that do not hold now."""
    checked = ((guard, guard.check(session, record, values)) for guard in step.guards)
    return [Problem(guard.name, message, guard.fix, guard.field) for guard, message in checked if message]
