"""The Metrics page, and `/metrics` for Prometheus."""

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.web import public, requires
from dashboard.metrics import exposition, guarding, reviewing

pages = Blueprint("metrics", __name__)
VIEW = "database.metrics.view"


@pages.get("/database/metrics")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Charts of one server, group and span, from the stored history; it asks no server."""
    asked = reviewing.ask(*(request.args.get(name, "") for name in ("server", "group", "span")))
    charts, rollup = reviewing.charts(asked)
    return render_template(
        "metrics/metrics.html",
        asked=asked,
        charts=charts,
        rollup=rollup,
        costs=reviewing.costs(),
        server_tabs=reviewing.server_tabs(asked),
        group_tabs=reviewing.group_tabs(asked),
        span_tabs=reviewing.span_tabs(asked),
    )


@pages.get("/metrics")
@public
def prometheus() -> ResponseReturnValue:
    """Everything in Prometheus's text format, for who shows the token (see guarding.py)."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  # the app itself
    refusal = guarding.refuse(request, app.extensions["steward_settings"])
    return refusal or Response(exposition.expose(app), content_type=exposition.CONTENT_TYPE)
