"""The activity page: sessions, the tree of locks, what holds vacuum back, and progress."""

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health import queries, reviewing
from dashboard.health.activity.judging import HELD_WARNING, PREPARED_WARNING
from dashboard.health.activity.refreshing import ACTIVITY, NOW
from dashboard.health.activity.tree import lock_tree
from dashboard.health.judging import IDLE_WARNING_SECONDS, LONG_TRANSACTION_SECONDS
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("activity", __name__)
VIEW, RUN = "database.activity.view", "database.activity.run"
LIMITS = {
    "idle": IDLE_WARNING_SECONDS,
    "long": LONG_TRANSACTION_SECONDS,
    "prepared": PREPARED_WARNING,
    "held": HELD_WARNING,
}


@pages.get("/database/activity")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Show who did what when it was last read."""
    readings = queries.list_readings((ACTIVITY, NOW))
    reading = readings.get(NOW)
    values = reading.values if reading and reading.taken_at else {}
    return render_template(
        "health/activity.html",
        reading=reading,
        found=values,
        findings=reviewing.findings_on(readings, ACTIVITY, NOW),
        tree=lock_tree(values.get("parties", []), values.get("prepared", [])),
        limits=LIMITS,
    )


@pages.post("/database/activity/look")
@requires(RUN)
def look() -> ResponseReturnValue:
    """Ask for the probe now."""
    return redirect(run_url(jobs.enqueue("health.probe_activity", actor=current_user.email)))
