"""The drills page, a drill's own page, and the button. The button asks for a job."""

from typing import cast

from flask import Blueprint, current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.backups import queries as catalogue
from dashboard.backups.drills import queries, reviewing
from dashboard.backups.drills.models import Outcome
from dashboard.core.config import Settings
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("drills", __name__, url_prefix="/database/drills")


@pages.context_processor
def _words() -> dict[str, object]:
    """How pages show outcomes, and what is promised."""
    return {
        "looks": reviewing.LOOKS,
        "advice": reviewing.ADVICE,
        "segments": reviewing.segments,
        "back_after": reviewing.back_after,
        "promises": queries.read_promises(),
    }


def _server() -> str:
    return cast("Settings", current_app.extensions["steward_settings"]).barman_server


@pages.get("/")
@requires(reviewing.VIEW)
def page() -> ResponseReturnValue:
    """Every drill, what they measured against the promises, and when the next is due."""
    server = _server()
    drills = queries.list_drills(server)
    return render_template(
        "backups/drills/drills.html",
        drills=drills,
        count=queries.count_drills(server),
        last=queries.find_last(server, Outcome.PASSED, Outcome.BACKUP_BROKEN, Outcome.DRILL_BROKEN),
        passed=queries.find_last(server, Outcome.PASSED),
        is_overdue=reviewing.is_overdue(server),
        trend=reviewing.trend(drills),
        under_way=queries.find_under_way(),
        next_run=queries.find_next_run(),
        newest=catalogue.find_newest(server),
        backups=[row for row in catalogue.list_backups(server) if row.is_restorable],
    )


@pages.post("/")
@requires(reviewing.RUN)
def drill_now() -> ResponseReturnValue:
    """Ask for a drill, of the newest backup or of a chosen one; one under way is shown instead."""
    asked = queries.find_under_way()
    if asked is None:
        chosen = request.form.get("backup_id", "")
        known = {row.backup_id for row in catalogue.list_backups(_server())}
        args = {"backup_id": chosen} if chosen in known else {}
        asked = jobs.enqueue(queries.DRILL, args, actor=current_user.email)
    else:
        flash("A drill is already under way; this is its run.", "info")
    return redirect(run_url(asked))


@pages.get("/<int:drill_id>")
@requires(reviewing.VIEW)
def show(drill_id: int) -> ResponseReturnValue:
    """The evidence of one drill: outcome, what to do, phases, every check."""
    drill = queries.get_drill(drill_id)
    return render_template(
        "backups/drills/drill.html",
        drill=drill,
        groups=reviewing.groups(drill),
        run=queries.find_run(drill),
    )
