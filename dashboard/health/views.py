"""Pages of the Database desk: overview and health; and the two answers for machines."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.charts import Chart
from dashboard.core.web import public, requires
from dashboard.health import judging, queries, readiness, reviewing
from dashboard.health.activity.refreshing import ACTIVITY, NOW
from dashboard.health.cards import list_cards
from dashboard.health.figures import list_figures
from dashboard.health.models import Reading
from dashboard.health.refreshing import INVENTORY
from dashboard.health.services.refreshing import MACHINE

overview_pages = Blueprint("database", __name__)
health_pages = Blueprint("health", __name__)


@overview_pages.get("/database/")
@requires("database.overview.view")
def overview() -> ResponseReturnValue:
    """Everything at a glance, from what the probes stored last."""
    return render_template("health/overview.html", cards=list_cards())


@health_pages.get("/database/health")
@requires("database.health.view")
def page() -> ResponseReturnValue:
    """What stands out first, then the figures, each with why it matters."""
    readings = queries.list_readings(reviewing.ALL)
    span = reviewing.span_of(request.args.get("span", ""))
    findings = reviewing.list_findings(readings)
    return render_template(
        "health/health.html",
        activity=readings.get(ACTIVITY),
        findings=[one for one in findings if one.level != judging.OK],
        fine=[one for one in findings if one.level == judging.OK],
        figures=list_figures(
            _values(readings.get(ACTIVITY)),
            _values(readings.get(NOW)),
            _values(readings.get(MACHINE)),
            _values(readings.get(INVENTORY)),
            findings,
        ),
        charts=_charts(span),
        span_tabs=reviewing.span_tabs("health.page", span),
    )


def _values(reading: Reading | None) -> dict[str, Any]:
    return reading.values if reading and reading.taken_at else {}


def _charts(span: timedelta) -> list[Chart]:
    connections = {"connections.total": "All sessions", "connections.active": "Active"}
    return [
        reviewing.time_chart("Connections", connections, span=span),
        reviewing.time_chart("Transactions per second", {"tps": "Transactions"}, span=span),
    ]


@health_pages.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Say that this process is alive; it asks nobody else."""
    return jsonify(status="alive")


@health_pages.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """Say whether every part works, live; 503 names those that do not."""
    failing = readiness.run_checks(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  # threads need the app itself
    if failing:
        return jsonify(status="not ready", failing=failing), HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(status="ready", failing={})
