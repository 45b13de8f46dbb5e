"""Clauses over tenants and their schemas: nobody gets across, every schema is whole, migrations are safe."""

from sqlalchemy import func, select

from dashboard.compliance.evidence import live
from dashboard.compliance.facts import Facts
from dashboard.compliance.registry import Area, Link, State, Verdict, promise
from dashboard.core.db import db
from dashboard.schema_migrations.drift.service import LOOK
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun, FleetStatus
from dashboard.schema_migrations.queries import READING as HEADS
from dashboard.schema_migrations.queries import stuck_histories
from dashboard.schema_migrations.rehearsal.models import Rehearsal, RehearsalOutcome
from dashboard.tenants.inspection import READING as INSPECTED
from dashboard.tenants.isolation.attempts import Verdict as Attempted
from dashboard.tenants.isolation.rounds import READING as ISOLATION

FEW = 3


@promise(
    "tenants.isolation",
    area=Area.TENANTS,
    title="No tenant can read or change another's data; the database itself refuses",
    why="One mistake in the application must not show one customer the prices of another.",
    fix="Revoke what is named on the isolation page. Until then treat it as a breach: see who used it.",
    page="isolation.index",
    job="tenants.try_isolation",
    proof="Try to break out now",
)
def isolation(facts: Facts) -> Verdict:
    """The last round of attempts to get out of every tenant."""
    found = live(facts, ISOLATION, "The last round of attempts")
    if isinstance(found, Verdict):
        return found
    link, data = Link("isolation.index"), found.reading.data
    entries = data.get("found", [])
    holes = [one for one in entries if one["verdict"] == Attempted.ALLOWED]
    untried = [one for one in entries if one["verdict"] != Attempted.ALLOWED]
    attempts = sum(int(row[0]) for row in data.get("tenants", {}).values())
    value = f"{attempts} attempts as {len(data.get('tenants', {}))} tenants"
    if holes:
        named = "; ".join(f"{one['tenant'] or 'all'}: {one['title']}" for one in holes[:FEW])
        return found.says(State.BROKEN, value, f"{len(holes)} ways across are open. {named}", link)
    if untried:
        text = f"{len(untried)} attempts could not be made: {untried[0]['title']} ({untried[0]['answer']})"
        return found.says(State.AT_RISK, value, text, link)
    if not attempts:
        return found.says(State.UNKNOWN, "", "There is no tenant that could be tried yet.", link)
    return found.says(State.KEPT, f"{value} were refused", link=link)


@promise(
    "tenants.schemas",
    area=Area.TENANTS,
    title="Every tenant has its schema and its role, and no schema is without a tenant",
    why="It is the strategy's verification query: what is missing was lost, what is left over is nobody's.",
    fix="Look at the tenant that is named: bring its schema back, or remove what is left over.",
    page="tenants.index",
    job="tenants.inspect",
    proof="Check now",
)
def schemas(facts: Facts) -> Verdict:
    """The schema check of all tenants."""
    found = live(facts, INSPECTED, "The check of all schemas")
    if isinstance(found, Verdict):
        return found
    rows = found.reading.data["tenants"]
    wrong = [f"{row['slug'] or row['schema']}: {row['problem']}" for row in rows if row["problem"]]
    link = Link("tenants.index")
    if wrong:
        more = f" and {len(wrong) - FEW} more" if len(wrong) > FEW else ""
        return found.says(State.BROKEN, f"{len(wrong)} problems", f"{'; '.join(wrong[:FEW])}{more}.", link)
    if not rows:
        return found.says(State.UNKNOWN, "", "There is no tenant yet.", link)
    return found.says(State.KEPT, f"{len(rows)} schemas are as they should be", link=link)


@promise(
    "migrations.level",
    area=Area.TENANTS,
    title="Every schema is at the level of this release, and none differs from the others",
    why="A schema that was left behind, or changed by hand, breaks with the next release.",
    fix="Finish the rollout; for a difference the drift page shows the statements that end it.",
    page="schema_migrations.page",
    job="schema_migrations.look_for_drift",
    proof="Look now",
)
def level(facts: Facts) -> Verdict:
    """Heads of all histories, and definitions that differ."""
    found, looked = live(facts, HEADS, "The reading of all heads"), live(facts, LOOK, "The look for drift")
    for one in (found, looked):
        if isinstance(one, Verdict):
            return one
    assert not isinstance(found, Verdict)  # noqa: S101  # for the type checker: seen above
    link = Link("schema_migrations.page")
    fleet = found.reading.data.get("fleet") or {}
    drifted = [name for group in fleet.get("drift", []) for name in group["others"]]
    behind = [row["name"] for row in fleet.get("behind", [])]
    value = f"{fleet.get('schemas', 0)} schemas at {fleet.get('head', '')}"
    if drifted:
        text = f"{len(drifted)} schemas differ from others of their revision: {', '.join(drifted[:FEW])}."
        return found.says(State.BROKEN, value, text, link)
    if stuck := stuck_histories():
        return found.says(State.BROKEN, value, f"Not at its head: {', '.join(stuck)}.", link)
    if behind:
        text = f"{len(behind)} schemas are behind the head: {', '.join(behind[:FEW])}."
        return found.says(State.AT_RISK, value, text, link)
    return found.says(State.KEPT, value, link=link)


@promise(
    "migrations.safe",
    area=Area.TENANTS,
    title="No migration runs without an approved plan that was rehearsed, and a verified backup before it",
    why="The only way back from most migrations is the backup made just before.",
    fix="Read the run: finish or undo what was halted. Rehearse the next plan on a restored copy first.",
    page="fleet.index",
)
def safe(facts: Facts) -> Verdict:
    """The last migration of the fleet: how it was prepared, and how it ended."""
    query = select(FleetRun, FleetPlan).join(FleetPlan, FleetPlan.id == FleetRun.plan_id)
    started = query.where(FleetRun.started_at.is_not(None)).order_by(FleetRun.id.desc()).limit(1)
    row = db.session.execute(started).one_or_none()
    if row is None:
        text = "None has run yet; the database refuses one without a backup"
        return Verdict(State.KEPT, text, evidence_at=facts.now, evidence="A constraint of the database")
    run, plan = row
    link = Link("fleet.run", {"run_id": run.id})
    value = f"Migration {run.id} to {plan.to_revision}: {run.status}"

    def says(state: State, reason: str) -> Verdict:
        return Verdict(state, value, reason, run.started_at, f"Migration {run.id}", link)

    if run.status == FleetStatus.HALTED:
        return says(State.BROKEN, f"It is halted half-way: {run.reason}")
    if not run.backup_id:
        return says(State.BROKEN, f"It ran without a backup: {run.backup_skipped}")
    if not _is_rehearsed(plan):
        return says(State.AT_RISK, "Its plan was not rehearsed on a restored copy before.")
    return says(State.KEPT, "")


def _is_rehearsed(plan: FleetPlan) -> bool:
    query = select(func.count()).where(
        Rehearsal.sql_hash == plan.sql_hash, Rehearsal.outcome == RehearsalOutcome.PASSED
    )
    return bool(db.session.scalar(query))
