"""Writes down which plan is wanted, and gets it. Flushes in `ask`; `perform` commits: it is a job's body."""

from collections.abc import Sequence
from datetime import UTC, datetime

from dashboard.audit.service import record_operation
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.health.statements import explaining, queries
from dashboard.health.statements.models import PlanStatus, StatementPlan
from dashboard.health.statements.wholeness import verb, why_not
from dashboard.tenancy.queries import get_tenant, known_tenants

EXPLAIN, ANALYZE = "statements.explain", "statements.analyze"
SHARED = ""  # the application's login, without a tenant


def ask(
    fingerprint: str, tenant: str, *, actor: str, values: Sequence[str | None] = (), run: bool = False
) -> StatementPlan:
    """Write down a wanted plan. Raises InvalidInputError for a text that has none, or cannot be run."""
    text = queries.get_text(fingerprint)
    reason = "It is too long to be kept whole, so it cannot be explained." if text.is_cut else ""
    if reason := reason or why_not(text.text):
        raise InvalidInputError(reason)
    if run and verb(text.text) != "SELECT":
        raise InvalidInputError("Only a SELECT is run to be measured; this one changes something.")
    if tenant != SHARED:
        get_tenant(tenant)
    plan = StatementPlan(
        fingerprint=fingerprint, tenant=tenant, is_analyzed=run, parameters=list(values), actor=actor
    )
    db.session.add(plan)
    db.session.flush()
    # What was typed stays out of the log of operations.
    record_operation(
        "query.analyze" if run else "query.explain",
        fingerprint,
        tenant=tenant or None,
        actor=actor,
        plan=plan.id,
        text=text.text[:500],
    )
    return plan


def perform(settings: Settings, plan_id: int, *, may_run: bool) -> dict[str, object]:
    """Get the plan and keep it; what PostgreSQL refused is kept as the reason."""
    plan = queries.get_plan(plan_id)
    if plan.status != PlanStatus.QUEUED or (plan.is_analyzed and not may_run):
        return {"outcome": f"It is {plan.status}."}
    try:
        plan.plan = _explain(settings, plan)
        plan.status = PlanStatus.DONE
    except (explaining.NotExplainedError, NotFoundError) as error:
        plan.status, plan.error = PlanStatus.FAILED, str(error).replace("\x00", "")
    plan.finished_at = datetime.now(UTC)
    db.session.commit()
    return {"outcome": plan.error or "planned"}


def _explain(settings: Settings, plan: StatementPlan) -> explaining.Plan:
    text = queries.get_text(plan.fingerprint).text
    role, schema = "", ""
    if plan.tenant != SHARED:
        tenant = get_tenant(plan.tenant)
        role, schema = tenant.role, tenant.schema
    url = settings.database_url
    if plan.parameters or plan.is_analyzed:
        return explaining.with_values(url, text, role, schema, plan.parameters, run=plan.is_analyzed)
    return explaining.generic(url, text, role, schema)


def tenant_of(role: str) -> str:
    """Return the short name of the tenant of a role; the role itself where it is no tenant's."""
    return next((tenant.slug for tenant in known_tenants() if tenant.role == role), role)
