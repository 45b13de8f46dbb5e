"""The server page: settings and what changed, extensions, the log, certificates and encryption."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health import queries as readings_of
from dashboard.health import reviewing
from dashboard.health.models import Reading
from dashboard.health.probes import WATCHED_SETTINGS
from dashboard.health.refreshing import INVENTORY
from dashboard.health.server import queries
from dashboard.health.server.extensions import recipe
from dashboard.health.server.judging import days_left
from dashboard.health.server.refreshing import CERTIFICATES, IDENTITY, LOG, SETTINGS
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("server", __name__)
VIEW, RUN = "database.server.view", "database.server.run"
KEYS = (IDENTITY, SETTINGS, LOG, CERTIFICATES, INVENTORY)


@pages.get("/database/server")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Show what was last read of the server itself."""
    readings = readings_of.list_readings(KEYS)
    values = {key: _values(readings.get(key)) for key in KEYS}
    return render_template(
        "health/server.html",
        readings=readings,
        identity=values[IDENTITY].get("identity"),
        encryption=values[IDENTITY].get("encryption"),
        settings=_settings(values[SETTINGS], shows_all=bool(request.args.get("all"))),
        shows_all=bool(request.args.get("all")),
        changes=queries.list_changes(),
        log=values[LOG],
        messages=queries.list_messages(),
        certificates=_certificates(values[CERTIFICATES]),
        extensions=_extensions(values[INVENTORY]),
        findings=reviewing.findings_on(readings, *KEYS),
    )


def _values(reading: Reading | None) -> dict[str, Any]:
    return reading.values if reading and reading.taken_at else {}


def _settings(values: dict[str, Any], *, shows_all: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = values.get("settings", [])
    return [row for row in rows if shows_all or row["name"] in WATCHED_SETTINGS or row["pending_restart"]]


def _certificates(values: dict[str, Any]) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [{**row, "days": days_left(row, now)} for row in values.get("certificates", [])]


def _extensions(values: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = values.get("extensions", [])
    return [{**row, "recipe": recipe(row["name"]) if row["wanted"] else None} for row in rows]


@pages.post("/database/server/extensions")
@requires(RUN)
def enable_extension() -> ResponseReturnValue:
    """Ask for an extension."""
    name = request.form.get("name", "")
    recipe(name)
    return redirect(
        run_url(jobs.enqueue("server.enable_extension", {"name": name}, actor=current_user.email))
    )


@pages.post("/database/server/look")
@requires(RUN)
def look() -> ResponseReturnValue:
    """Ask for settings and extensions to be read now."""
    return redirect(run_url(jobs.enqueue("health.probe_inventory", actor=current_user.email)))
