"""The replication page."""

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.config import Settings
from dashboard.core.web import requires
from dashboard.health.queries import list_readings
from dashboard.health.reviewing import span_of, span_tabs
from dashboard.replication import queries, reviewing, settings_review
from dashboard.replication.picturing import draw
from dashboard.replication.service import READING
from dashboard.replication.synchronous import explaining
from dashboard.replication.synchronous.steering import STEERING

pages = Blueprint("replication", __name__)
NARROW, WIDE = 340, 680


@pages.get("/database/replication")
@requires(reviewing.PERMISSION)
def page() -> ResponseReturnValue:
    """Who is primary, each expected standby by name, and the synchronous copy, from the last probe."""
    settings: Settings = current_app.extensions["steward_settings"]
    readings = list_readings([READING, STEERING, settings_review.READING])
    reading = readings.get(READING)
    values = reading.values if reading and reading.taken_at else {}
    names = reviewing.names_of(values, settings.standbys)
    slots = reviewing.list_slots(values)
    span = span_of(request.args.get("span", ""))
    pictures = {"narrow": draw(values, NARROW), "wide": draw(values, WIDE)} if values else {}
    return render_template(
        "replication/replication.html",
        reading=reading,
        found=values,
        expected=names,
        split=explaining.explain_split(values),
        frozen=explaining.explain_frozen(values),
        waiting=explaining.list_waiting(values),
        exposed=explaining.explain_exposed(values) if values else "",
        switch=reviewing.switch_state(values),
        loss=queries.find_open_loss(),
        losses=queries.list_losses(),
        steering=readings[STEERING].values if STEERING in readings else {},
        checked=readings.get(settings_review.READING),
        slots=slots,
        pictures=pictures,
        charts=reviewing.lag_charts(names, [slot["name"] for slot in slots], span),
        span_tabs=span_tabs("replication.page", span),
    )
