"""The runbook page of a managed service: the exact command for a moment. It reads rows only."""

from datetime import UTC, datetime

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.backups import queries, reviewing
from dashboard.backups.providers import runbook
from dashboard.core.config import Settings
from dashboard.core.errors import InvalidInputError
from dashboard.core.web import requires

VIEW = reviewing.VIEW
pages = Blueprint("managed", __name__)


@pages.get("/database/backups/managed/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """The restore to a moment (`at`, UTC; the latest when left out) as a command to run with care."""
    settings: Settings = current_app.extensions["steward_settings"]
    repository = queries.get_repository()
    instance = repository.data.get("instance", {}) if repository else {}
    window, written = reviewing.window_of(repository), request.args.get("at", "")
    line, problem = "", None
    if instance:
        try:
            at = runbook.moment_of(written, window)
            given = runbook.arguments(instance, at, datetime.now(UTC))
            line = runbook.command(given, settings.rds_region, settings.rds_endpoint)
        except InvalidInputError as error:
            problem = error
    return render_template(
        "backups/managed.html",
        repository=repository,
        instance=instance,
        window=window,
        window_open=reviewing.is_open(window),
        at=written,
        command=line,
        problem=problem,
    )
