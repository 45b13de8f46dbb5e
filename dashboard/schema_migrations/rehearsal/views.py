"""The button of a plan's page that asks for a rehearsal; its results are a part of that page."""

from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from dashboard.core.errors import ConflictError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.schema_migrations.rehearsal import queries, service
from dashboard.schema_migrations.rehearsal.jobs import RUN

pages = Blueprint("rehearsal", __name__, url_prefix="/database/migrations/plans")


@pages.post("/<int:plan_id>/rehearse")
@requires(RUN)
def ask(plan_id: int) -> ResponseReturnValue:
    """Ask for a rehearsal of a plan; one under way is shown instead."""
    plan = service.get_plan(plan_id)
    asked = queries.find_under_way(plan)
    if asked is not None:
        flash("This plan is being rehearsed already; this is its run.", "info")
        return redirect(run_url(asked))
    if not queries.has_backup():
        raise ConflictError("There is no backup to rehearse on.", fix="Make a backup first.")
    return redirect(run_url(jobs.enqueue(queries.JOB, {"plan_id": plan.id}, actor=current_user.email)))
