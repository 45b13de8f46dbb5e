"""The migration desk: three histories, where every schema stands, and what was applied when."""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.alerts.wording import listed
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health.cards import Card, trouble
from dashboard.health.models import thaw
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.schema_migrations import queries
from dashboard.schema_migrations.drift.groups import group
from dashboard.schema_migrations.fleet.models import FleetStatus
from dashboard.schema_migrations.grid import SHOWN, GridFilter, choose
from dashboard.schema_migrations.revisions import CURRENT, PENDING
from dashboard.schema_migrations.upkeep import due

pages = Blueprint("schema_migrations", __name__)
PERMISSION = "database.migrations.view"


@pages.get("/database/migrations/")
@requires(PERMISSION)
def page() -> ResponseReturnValue:
    """Three histories as graphs, the grid of schemas, drift, and who applied what when."""
    reading = queries.get_heads_reading()
    ledger = queries.get_ledger(reading)
    groups = group(ledger.rows)
    drifted = {name for found in groups for other in found.others for name in other.schemas}
    schemas = queries.list_schemas(ledger.rows, drifted)
    wanted = GridFilter.read(request.args)
    return render_template(
        "schema_migrations/migrations.html",
        reading=reading,
        ledger=ledger,
        facts=thaw(queries.fleet_of(reading)),
        histories=queries.list_histories(reading, ledger.rows),
        groups=groups,
        schemas=schemas,
        grid=choose(schemas, wanted),
        wanted=wanted,
        shown=SHOWN,
        upkeep=due({row.revision for row in ledger.rows}),
    )


@pages.post("/database/migrations/look")
@requires("database.migrations.run")
def look() -> ResponseReturnValue:
    """Read anew what every schema consists of."""
    return redirect(run_url(jobs.enqueue("schema_migrations.look_for_drift", {}, actor=current_user.email)))


def card() -> Card:
    """Migrations at a glance, from what was last read: the overview outlives the ERP."""
    reading = queries.get_heads_reading()
    fleet = queries.fleet_of(reading)
    late, drift = fleet.get("behind", []), fleet.get("drift", [])
    status, text = _verdict(reading_ok=bool(fleet), late=late, drift=drift)
    if doubt := trouble(reading, "The migration heads"):
        status, text = doubt
    schemas = fleet.get("schemas", 0)
    return Card(
        "Migrations",
        status,
        f"{schemas - len(late)} of {schemas} schemas at the head",
        text,
        "schema_migrations.page",
        PERMISSION,
        taken_at=reading.taken_at if reading else None,
        stale=bool(reading and reading.is_stale),
    )


def _verdict(
    *, reading_ok: bool, late: list[dict[str, object]], drift: list[dict[str, object]]
) -> tuple[str, str]:
    """Return (status, sentence) of the card: a halted run first, then what is behind, then what differs."""
    run = queries.get_open_run()
    if run and run.status == FleetStatus.HALTED:
        return "critical", f"Run {run.id} is halted: {run.reason or 'a schema failed'}."
    stuck = queries.stuck_histories()
    if stuck or late:
        names = stuck or [str(row["name"]) for row in late]
        return PENDING, f"Not at the head: {listed(names, 5)}."
    if drift:
        return "warning", f"Schemas differ at revision {listed([str(row['revision']) for row in drift])}."
    if not reading_ok:
        return "unknown", "Nothing was read yet."
    return CURRENT, "Control database, shared tables and all schemas are at their heads and alike."
