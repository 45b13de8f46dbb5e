"""Pages of change sets: what was changed as one, what undoing would do, and undoing it."""

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.changes import queries, service
from dashboard.changes.models import ChangeSet
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError
from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("changes", __name__, url_prefix="/t/<tenant>/records/changes")
MAX_INLINE = 2000


@pages.get("/")
@requires("records.change_set.view")
def index() -> ResponseReturnValue:
    """List what was changed as one."""
    before = request.args.get("before", type=int)
    found = queries.list_change_sets(db.session(), before if before and 0 < before < 2**63 else None)
    shown = found[: queries.PAGE_SIZE]
    older = shown[-1].id if len(found) > queries.PAGE_SIZE else None
    return render_template(
        "changes/index.html", changes=shown, older=older, before=before, may_undo=_may_undo
    )


@pages.get("/<int(max=9223372036854775807):change_set_id>/undo")
@requires("records.change_set.edit")
def ask(change_set_id: int) -> ResponseReturnValue:
    """Say what undoing would do."""
    change = _undoable(change_set_id)
    steps = queries.outlooks(db.session(), change.key)
    return render_template("changes/undo.html", change=change, steps=steps)


@pages.post("/<int(max=9223372036854775807):change_set_id>/undo")
@requires("records.change_set.edit")
def undo(change_set_id: int) -> ResponseReturnValue:
    """Undo it: small ones at once, large ones as a job."""
    change = _undoable(change_set_id)
    if change.row_count > MAX_INLINE:
        run = jobs.enqueue(
            "changes.undo", {"change_set": change.id}, actor=current_user.email, tenant=g.tenant.slug
        )
        return redirect(run_url(run))
    steps = queries.outlooks(db.session(), change.key)
    labels = {(row.table, row.record_id): row.label for step in steps for row in step.skipped}
    result = service.undo(db.session(), change.id, actor=current_user.email)
    db.session.commit()
    return render_template("changes/undone.html", change=change, result=result, labels=labels)


def _may_undo(change: ChangeSet) -> bool:
    return can("records.change_set.edit") and can(f"records.{change.entity}.edit")


def _undoable(change_set_id: int) -> ChangeSet:
    change = queries.get_change_set(db.session(), change_set_id)
    if not _may_undo(change):
        raise ForbiddenError(f"You may not undo this: it needs records.{change.entity}.edit.")
    if change.undone_at is not None:
        raise ConflictError(f"“{change.title}” is undone already.", fix="You can undo the undoing.")
    return change
