"""The page of the isolation probe: is anything open, what is tried, and every round so far."""

from flask import Blueprint, Flask, redirect, render_template
from flask.typing import ResponseReturnValue

from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health.cards import Card, register_card, trouble
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.tenants.isolation import queries
from dashboard.tenants.isolation.attempts import Verdict

pages = Blueprint("isolation", __name__, url_prefix="/admin/isolation")
VIEW, EDIT = "admin.tenants.view", "admin.tenants.edit"
CARD_ORDER = 45
NONE_FOUND = "No tenant can see another, as far as the last round could try."


def init_app(app: Flask) -> None:
    """Register the page, its menu entry and its card on the overview."""
    app.register_blueprint(pages)
    register_menu(app, MenuItem("admin", "Isolation", "isolation.index", VIEW, "shield-lock", 12))
    register_card(app, CARD_ORDER, card)


@pages.get("/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """What the last round found, what is tried, and the rounds before it."""
    reading = queries.reading()
    data = reading.data if reading else {}
    found = data.get("found", [])
    return render_template(
        "tenants/isolation.html",
        reading=reading,
        data=data,
        holes=[entry for entry in found if entry["verdict"] == Verdict.ALLOWED],
        untried=[entry for entry in found if entry["verdict"] == Verdict.UNTRIED],
        answers=data.get("answers", []),
        rounds=queries.list_rounds(),
        troubled=queries.list_rounds_with_findings(),
    )


@pages.post("/")
@requires(EDIT)
def try_now() -> ResponseReturnValue:
    """Start a round now."""
    return redirect(run_url(jobs.enqueue("tenants.try_isolation", {}, actor=current_user.email)))


def card() -> Card:
    """Isolation at a glance."""
    reading = queries.reading()
    status, text, headline = "ok", NONE_FOUND, "no data"
    if reading and reading.taken_at:
        rows = reading.data.get("tenants", {})
        tries = sum(made for made, _untried in rows.values())
        holes = sum(queries.holes_by_tenant(reading.data).values())
        untried = sum(entry["verdict"] == Verdict.UNTRIED for entry in reading.data.get("found", []))
        headline = f"{tries:,} attempts as {len(rows):,} tenants"
        if untried:
            status, text = "warning", f"{untried} attempts could not be tried, so nobody knows."
        if holes:
            status, headline = "critical", f"{holes} ways between tenants are open"
            text = "Somebody could read what is not theirs. The page names each."
    if status != "critical" and (doubt := trouble(reading, "The isolation of tenants")):
        status, text = doubt
    return Card(
        "Isolation",
        status,
        headline,
        text,
        "isolation.index",
        VIEW,
        taken_at=reading.taken_at if reading else None,
        stale=bool(reading and reading.is_stale),
    )
