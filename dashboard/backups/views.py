"""The backups page, and the button on it."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.backups import dials, overview, queries, reviewing, rto, timeline, verifying
from dashboard.backups.models import Backup
from dashboard.backups.window import EVERY_BACKUP
from dashboard.core.errors import InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health.reviewing import span_of, span_tabs
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.settings import queries as settings

MODES = ("auto", "full", "incremental")

pages = Blueprint("backups", __name__)


def _server() -> str:
    server: str = current_app.extensions["steward_settings"].backup_server
    return server


@pages.get("/database/backups/")
@requires(reviewing.VIEW)
def page() -> ResponseReturnValue:
    """Until when can I restore, how long would it take, how do you know: from readings and rows only."""
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
        timeline=timeline.draw(window, queries.list_backups(server, limit=EVERY_BACKUP), datetime.now(UTC)),
        freshness=reviewing.freshness(newest),
        count=queries.count_backups(server),
        archiver=reviewing.archiver_state(),
        running=queries.find_running(),
        failure=queries.find_failure(server),
        next_run=queries.find_next_run(),
        **_measured(server),
        **_catalogue(server, backups),
    )


def _measured(server: str) -> dict[str, Any]:
    """What would be lost, and how long it would take."""
    span = span_of(request.args.get("span", ""))
    return {
        "dials": dials.current(),
        "down": dials.primary_down(),
        "ticks": dials.ticks(settings.value("backups.rpo_seconds")),
        "history": dials.history(span),
        "span_tabs": span_tabs("backups.page", span),
        "forecast": rto.forecast(server),
        "no_drill": rto.NO_DRILL,
        "proofs": overview.proofs(server),
    }


def _catalogue(server: str, backups: list[Backup]) -> dict[str, Any]:
    ids = [backup.backup_id for backup in backups]
    return {
        "backups": backups,
        "verdicts": verifying.list_latest(server, ids),
        "offsite": overview.list_offsite(ids),
        "kept": overview.list_kept(),
    }


@pages.post("/database/backups/run")
@requires(reviewing.RUN)
def run() -> ResponseReturnValue:
    """Ask for a backup; one that is already under way is shown instead."""
    mode = request.form.get("mode", "auto")
    if mode not in MODES:
        raise InvalidInputError("A backup is automatic, full or incremental.")
    asked = queries.find_running()
    if asked is None:
        asked = jobs.enqueue(queries.BACK_UP, {"mode": mode}, actor=current_user.email)
    else:
        flash("A backup is already under way; this is its run.", "info")
    return redirect(run_url(asked))
