"""The replication page."""

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.web import requires
from dashboard.health.queries import get_reading
from dashboard.health.reviewing import span_of, span_tabs
from dashboard.replication import reviewing
from dashboard.replication.service import READING

if TYPE_CHECKING:
    from dashboard.core.config import Standby

pages = Blueprint("replication", __name__)


@pages.get("/database/replication")
@requires(reviewing.PERMISSION)
def page() -> ResponseReturnValue:
    """Each expected standby by name, from the last probe."""
    standbys: tuple[Standby, ...] = current_app.extensions["steward_settings"].standbys
    reading = get_reading(READING)
    values = reading.values if reading and reading.taken_at else {}
    span = span_of(request.args.get("span", ""))
    return render_template(
        "replication/replication.html",
        reading=reading,
        found=values,
        expected=standbys,
        frozen=reviewing.explain_frozen(values),
        chart_of_lag=reviewing.lag_chart(standbys, span),
        span_tabs=span_tabs("replication.page", span),
    )
