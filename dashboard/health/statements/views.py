"""Pages of queries: what they cost over time and for whom, and their plans. They read stored rows only."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import ForbiddenError
from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.health.queries import get_reading
from dashboard.health.statements import drawing, judging, planning, plans, queries, wholeness
from dashboard.health.statements.models import PlanStatus, StatementPlan
from dashboard.health.statements.refreshing import KEY
from dashboard.jobs import service as jobs
from dashboard.tenancy.queries import known_tenants

VIEW, RUN, ANALYZE = "database.statements.view", "database.statements.run", "database.actions.run"
SORTS = {"total": "Total time", "mean": "Mean", "calls": "Calls", "reads": "Reads"}
MOST_PARAMETERS = 30
pages = Blueprint("statements", __name__, url_prefix="/database/queries")


@pages.get("/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """The heaviest queries of a span."""
    span, sort = _chosen("span", queries.SPANS), _chosen("sort", SORTS)
    found = queries.overview(queries.span_of(span), sort)
    return render_template(
        "health/statements/page.html",
        reading=get_reading(KEY),
        found=found,
        names={tenant.role: tenant for tenant in known_tenants()},
        spark=drawing.spark,
        why_slow=judging.WHY_SLOW,
        span=span,
        sort=sort,
        span_tabs=[
            (f"Last {name}", url_for("statements.page", span=name, sort=sort), name == span)
            for name in queries.SPANS
        ],
        sort_tabs=[
            (title, url_for("statements.page", span=span, sort=name), name == sort)
            for name, title in SORTS.items()
        ],
    )


def _chosen(name: str, offered: dict[str, Any]) -> str:
    asked = request.args.get(name, "")
    return asked if asked in offered else next(iter(offered))


@pages.get("/<fingerprint>")
@requires(VIEW)
def details(fingerprint: str) -> ResponseReturnValue:
    """One query: its history, its tenants, its plans."""
    text = queries.get_text(fingerprint)
    span = _chosen("span", queries.SPANS)
    found = queries.history(fingerprint, queries.span_of(span))
    return render_template(
        "health/statements/query.html",
        text=text,
        line=found.line,
        charts=drawing.charts(found),
        names={tenant.role: tenant for tenant in known_tenants()},
        tenants=known_tenants(),
        plans=queries.list_plans(fingerprint),
        parameters=min(wholeness.count_parameters(text.text), MOST_PARAMETERS),
        refused="It is too long to be kept whole." if text.is_cut else wholeness.why_not(text.text),
        may_analyze=can(ANALYZE) and wholeness.verb(text.text) == "SELECT",
        why_slow=judging.WHY_SLOW,
        reading=get_reading(KEY),
        span_tabs=[
            (
                f"Last {name}",
                url_for("statements.details", fingerprint=fingerprint, span=name),
                name == span,
            )
            for name in queries.SPANS
        ],
    )


@pages.post("/<fingerprint>/explain")
@requires(RUN)
def explain(fingerprint: str) -> ResponseReturnValue:
    """Ask for a plan; a job gets it within seconds."""
    how = request.form.get("how", "generic")
    if how == "analyze" and not can(ANALYZE):
        raise ForbiddenError(f"Your roles do not include {ANALYZE}: running a query needs it.")
    values = _values(queries.get_text(fingerprint).text) if how in {"values", "analyze"} else []
    plan = planning.ask(
        fingerprint,
        request.form.get("tenant", planning.SHARED),
        actor=str(current_user.email),
        values=values,
        run=how == "analyze",
    )
    db.session.commit()
    job = planning.ANALYZE if plan.is_analyzed else planning.EXPLAIN
    plan.run_id = jobs.enqueue(job, {"plan": plan.id}, actor=plan.actor).id
    db.session.commit()
    return redirect(url_for("statements.plan", plan_id=plan.id))


def _values(text: str) -> list[str | None]:
    count = min(wholeness.count_parameters(text), MOST_PARAMETERS)
    typed = [request.form.get(f"value-{number}", "")[:2000] for number in range(1, count + 1)]
    nulls = set(request.form.getlist("null"))
    return [
        None if str(number) in nulls else value.replace("\x00", "") for number, value in enumerate(typed, 1)
    ]


@pages.get("/plans/<int(max=2147483647):plan_id>")
@requires(VIEW)
def plan(plan_id: int) -> ResponseReturnValue:
    """One plan as a tree."""
    found = queries.get_plan(plan_id)
    return render_template(
        "health/statements/plan.html", text=queries.get_text(found.fingerprint), **_facts(found)
    )


@pages.get("/plans/<int(max=2147483647):plan_id>/live")
@requires(VIEW)
def live(plan_id: int) -> ResponseReturnValue:
    """Answer with the part of a plan's page that waits for the job."""
    return render_template("health/statements/_plan.html", **_facts(queries.get_plan(plan_id)))


def _facts(found: StatementPlan) -> dict[str, Any]:
    read = plans.read(found.plan) if found.status == PlanStatus.DONE and found.plan else None
    names = {tenant.slug: tenant.name for tenant in known_tenants()}
    return {"plan": found, "read": read, "tenant_name": names.get(found.tenant, found.tenant)}
