"""The migrations page."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from dashboard.core.web import requires
from dashboard.health.cards import Card, trouble
from dashboard.schema_migrations import queries

pages = Blueprint("schema_migrations", __name__)
PERMISSION = "database.migrations.view"


@pages.get("/database/migrations/")
@requires(PERMISSION)
def page() -> ResponseReturnValue:
    """Three histories, where each stands, and every tenant's head."""
    reading = queries.get_heads_reading()
    fleet = (reading.values.get("fleet") if reading and reading.taken_at else None) or {}
    return render_template(
        "schema_migrations/migrations.html",
        reading=reading,
        histories=queries.list_histories(reading),
        tenants=queries.list_tenant_heads(reading),
        recent=fleet.get("recent", []),
    )


def card() -> Card:
    """Migrations at a glance."""
    reading = queries.get_heads_reading()
    tenants = queries.list_tenant_heads(reading)
    late = [tenant.facts["slug"] for tenant in tenants if tenant.status != queries.CURRENT]
    stuck = [view.title for view in queries.list_histories(reading) if view.status != queries.CURRENT]
    status, text = queries.CURRENT, "Control database, shared tables and all tenants are at their heads."
    if late or stuck:
        status, text = queries.PENDING, f"Not at the head: {', '.join((late or stuck)[:5])}."
    if doubt := trouble(reading, "The migration heads"):
        status, text = doubt
    headline = f"{len(tenants) - len(late)} of {len(tenants)} tenants at the head"
    return Card(
        "Migrations",
        status,
        headline,
        text,
        "schema_migrations.page",
        PERMISSION,
        taken_at=reading.taken_at if reading else None,
        stale=bool(reading and reading.is_stale),
    )
