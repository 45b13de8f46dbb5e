"""Pages of the Database desk: overview and health; and the two answers for machines."""

from http import HTTPStatus

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.web import public, requires
from dashboard.health import judging, queries, readiness, reviewing
from dashboard.health.cards import list_cards

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
    """Health of primary, broker, cache and disk."""
    readings = queries.list_readings(reviewing.ALL)
    span = reviewing.span_of(request.args.get("span", ""))
    connections = {"connections.total": "All sessions", "connections.active": "Active"}
    charts = [
        reviewing.time_chart("Connections", connections, span=span),
        reviewing.time_chart("Transactions per second", {"tps": "Transactions"}, span=span),
    ]
    return render_template(
        "health/health.html",
        readings=readings,
        findings=reviewing.list_findings(readings),
        charts=charts,
        span_tabs=reviewing.span_tabs("health.page", span),
        hit_rate=judging.hit_rate,
        is_slow=judging.is_slow,
    )


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
