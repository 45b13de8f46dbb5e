"""The backups page, and the button on it."""

from flask import Blueprint, current_app, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.backups import queries, reviewing, verifying
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("backups", __name__)


def _server() -> str:
    server: str = current_app.extensions["steward_settings"].barman_server
    return server


@pages.get("/database/backups/")
@requires(reviewing.VIEW)
def page() -> ResponseReturnValue:
    """The catalogue as last read, the restorable window, the archiver and what went wrong."""
    server = _server()
    repository = queries.get_repository()
    newest, window = queries.find_newest(server), reviewing.window_of(repository)
    backups = queries.list_backups(server)
    return render_template(
        "backups/backups.html",
        repository=repository,
        checks=repository.data.get("checks", []) if repository else [],
        failed_checks=reviewing.failed_checks(repository),
        window=window,
        window_open=reviewing.is_open(window),
        promises=reviewing.promises(server, window, newest),
        backups=backups,
        verdicts=verifying.list_latest(server, [backup.backup_id for backup in backups]),
        count=queries.count_backups(server),
        archiver=reviewing.archiver_state(),
        running=queries.find_running(),
        failure=queries.find_failure(server),
        next_run=queries.find_next_run(),
    )


@pages.post("/database/backups/run")
@requires(reviewing.RUN)
def run() -> ResponseReturnValue:
    """Ask for a backup; one that is already under way is shown instead."""
    asked = queries.find_running()
    if asked is None:
        actor = current_user.email  # type: ignore[attr-defined]
        asked = jobs.enqueue(queries.BACK_UP, actor=actor)
    else:
        flash("A backup is already under way; this is its run.", "info")
    return redirect(run_url(asked))
