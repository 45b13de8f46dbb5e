"""Jobs: an action on many rows, and taking one back."""

from sqlalchemy.exc import DBAPIError

from dashboard.changes import service as changes
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.records import bulk, bulk_work, registry, saved_views
from dashboard.records.constraint_errors import explain
from dashboard.records.spec import Spec
from dashboard.records.values import parse
from dashboard.records.zones import read_in
from dashboard.users.service import operator_can

PERMISSION = "records.bulk.edit"


@job(
    "records.bulk",
    title="Change many rows",
    queue="records",
    permission=PERMISSION,
    lock="bulk:{tenant}:{entity}",
    timeout=7200,
)
def change_rows(
    run: Run, *, entity: str, action: str, query: str, zone: str, field: str = "", value: str | None = None
) -> dict[str, object]:
    """Change all rows that match a list: one transaction, so that a cancelled run changes nothing."""
    spec = _spec(run, entity, bulk.PERMISSIONS.get(action, action))
    with read_in(zone):
        state = saved_views.read_state(spec, query)
        if state.errors or action not in bulk_work.VERBS:
            raise InvalidInputError(" ".join(state.errors) or "There is no such action.")
        wanted = None if value is None or not field else parse(spec.columns[field], value)
        selection = bulk.Selection((), query, everything=True, state=state)
        order = bulk_work.Order(action, selection, field, wanted)
        outcome = _carry_out(run, spec, order)
    for sentence in outcome.left_out.sentences():
        run.log(f"left out: {sentence}")
    run.log(f"{outcome.done:,} rows {bulk_work.VERBS[action]}; they can be undone together under Changes")
    return {
        "rows": outcome.done,
        "left_out": outcome.left_out.rows,
        "change_set": outcome.change_set_id,
    }


def _carry_out(run: Run, spec: Spec, order: bulk_work.Order) -> bulk_work.Outcome:
    """Do it and commit; a row the database refuses takes all others with it."""
    session = db.session()
    words = order.title(spec)
    try:
        outcome = bulk_work.carry_out(
            session, spec, order, lambda done, total: run.progress(done, total, words), run_id=str(run.id)
        )
        run.check_cancelled()
        session.commit()
    except DBAPIError as error:
        refusal = explain(error, {spec.entity: spec.columns})
        session.rollback()
        if refusal is None:
            raise
        raise ConflictError(f"No row was changed. {refusal.message}") from error
    return outcome


@job("records.undo", title="Undo a change of many rows", queue="records", permission=PERMISSION, timeout=7200)
def undo_rows(run: Run, *, entity: str, change_set: int) -> dict[str, object]:
    """Take one change of many rows back."""
    _spec(run, entity, "edit")
    run.progress(0, 1, "Undoing")
    session = db.session()
    result = changes.undo(session, change_set, actor=run.actor, run_id=str(run.id))
    session.commit()
    for table, row_id, reason in result.skipped:
        run.log(f"left as it is: {table} #{row_id}: {reason}")
    run.progress(1, 1, "Undone")
    return {"rows": result.restored, "left_out": result.skipped_count}


def _spec(run: Run, entity: str, action: str) -> Spec:
    """The entity's declaration, if the run's actor may do this to it."""
    screen = registry.find(entity)
    if screen is None or not screen.spec.switches.get(action, True):
        raise InvalidInputError(f"{entity} records cannot be changed this way.")
    if not operator_can(run.actor, f"records.{entity}.{action}", run.tenant):
        raise ForbiddenError(f"{run.actor} may not {action} {screen.spec.nouns} (any more).")
    return screen.spec
