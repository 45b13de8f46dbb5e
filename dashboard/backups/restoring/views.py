"""The Restore page, a restore's own page, and the buttons on them. Buttons ask for jobs."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.backups import queries as catalogue
from dashboard.backups import reviewing
from dashboard.backups.restoring import planning, points, queries
from dashboard.backups.restoring.forms import PointForm, RestoreForm
from dashboard.backups.restoring.models import RestoreStatus
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.core.filters import viewer_zone
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

VIEW, RUN = "database.restores.view", "database.restores.run"
PICKER = "%Y-%m-%dT%H:%M:%S"
pages = Blueprint("restores", __name__, url_prefix="/database/restores")
PURPOSES = {
    "look": "To look into",
    "drill": "Drill",
    "tenant": "Time machine of a tenant",
    "rehearsal": "Rehearsal",
}
PHASES = {
    "plan": "Choosing the backup, checking the disk",
    "fetch": "Unpacking the backup",
    "wal": "Laying the WAL ready",
    "replay": "Replaying the WAL",
    "promote": "Opening for connections",
}
# How a status looks, and its word.
LOOKS = {
    "preparing": ("running", "Preparing"),
    "fetching": ("running", "Fetching"),
    "replaying": ("running", "Replaying"),
    "ready": ("ok", "Ready"),
    "failed": ("failed", "Failed"),
    "gone": ("closed", "Torn down"),
}


@pages.context_processor
def _words() -> dict[str, object]:
    """What pages call purposes, phases and statuses."""
    return {"purposes": PURPOSES, "phases": PHASES, "looks": LOOKS}


def _server() -> str:
    settings: Settings = current_app.extensions["steward_settings"]
    return settings.barman_server


@pages.get("/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """What can be restored to, the form, what is under way, what is there to look into."""
    return _page(RestoreForm(formdata=None), PointForm(formdata=None))


def _page(form: RestoreForm, point_form: PointForm) -> str:
    repository = catalogue.get_repository()
    window = reviewing.window_of(repository)
    named = points.list_points(db.session())
    restores = queries.list_restores()
    form.offer(named, [row for row in catalogue.list_backups(_server()) if row.is_restorable])
    return render_template(
        "backups/restores/restores.html",
        repository=repository,
        window=window,
        window_open=reviewing.is_open(window),
        bounds=_bounds(window),
        form=form,
        point_form=point_form,
        points=named,
        restores=[(row, queries.share_done(row), queries.estimate_end(row)) for row in restores],
        waiting=queries.list_waiting(),
    )


def _bounds(window: dict[str, Any]) -> dict[str, str]:
    """The first and last moment of the picker, as the person's clock shows them."""
    begin, end = window.get("from_at"), window.get("until_at")
    found = {"min": begin, "max": end}
    return {name: at.astimezone(viewer_zone()).strftime(PICKER) for name, at in found.items() if at}


@pages.post("/")
@requires(RUN)
def start() -> ResponseReturnValue:
    """Ask for a restore. The live cluster is never touched by it."""
    form = RestoreForm()
    if form.validate_on_submit():
        try:
            target = form.target()
            planning.check_target(target)
            planning.choose_backup(_server(), target, form.backup_id.data or "")
        except DashboardError as error:
            return _again(form, PointForm(formdata=None), error)
        args = {
            "server": _server(),
            "kind": target.kind,
            "at": target.at.astimezone(UTC).isoformat() if target.at else "",
            "name": target.name,
            "backup_id": form.backup_id.data or "",
            "hours": form.hours.data or 24,
        }
        return redirect(run_url(jobs.enqueue(queries.RESTORE, args, actor=current_user.email)))
    return _page(form, PointForm(formdata=None)), 422


def _again(form: RestoreForm, point_form: PointForm, error: DashboardError) -> ResponseReturnValue:
    """Show the page again with what was wrong beside the field, or above the form."""
    placed = False
    for shown in (form, point_form):
        for name, message in error.fields.items():
            if name in shown:
                shown[name].errors = [*shown[name].errors, message]
                placed = True
    if not placed:
        flash(f"{error.message} {error.fix}".strip(), "danger")
    return _page(form, point_form), error.status


@pages.post("/points")
@requires(RUN)
def create_point() -> ResponseReturnValue:
    """Ask for a named restore point."""
    form = PointForm()
    if not form.validate_on_submit():
        return _page(RestoreForm(formdata=None), form), 422
    try:
        points.check_name(db.session(), form.name.data or "")
    except DashboardError as error:
        return _again(RestoreForm(formdata=None), form, error)
    args = {"name": form.name.data, "reason": form.reason.data or ""}
    return redirect(run_url(jobs.enqueue("backups.create_restore_point", args, actor=current_user.email)))


@pages.get("/<int:restore_id>/")
@requires(VIEW)
def details(restore_id: int) -> ResponseReturnValue:
    """One restore: its phases, how far it came, and the way into it."""
    restore = queries.get_restore(restore_id)
    return render_template(
        "backups/restores/restore.html",
        restore=restore,
        run=queries.find_run(restore),
        share=queries.share_done(restore),
        ends_at=queries.estimate_end(restore),
        tearing_down=queries.find_tear_down(restore_id),
        is_ready=restore.status == RestoreStatus.READY,
        now=datetime.now(UTC),
    )


@pages.route("/<int:restore_id>/tear-down", methods=["GET", "POST"])
@requires(RUN)
def tear_down(restore_id: int) -> ResponseReturnValue:
    """Ask before the server and its data go; then ask for the job."""
    restore = queries.get_restore(restore_id)
    if restore.status != RestoreStatus.READY:
        flash("Only a restore that is ready can be torn down; one under way is cancelled in its job.", "info")
        return redirect(url_for("restores.details", restore_id=restore_id))
    if request.method == "GET":
        return render_template("backups/restores/tear_down.html", restore=restore)
    run = queries.find_tear_down(restore_id)
    if run is None:
        run = jobs.enqueue(queries.TEAR_DOWN, {"restore_id": restore_id}, actor=current_user.email)
    return redirect(run_url(run))
