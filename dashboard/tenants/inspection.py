"""Inspects all tenants: schema check, size, head and the isolation probe; stores it for the page."""

from dataclasses import asdict
from typing import Any

from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants import probes

READING = "tenants"
EVERY_SECONDS = 900  # sizing and breaking out cost more than a glance


def inspect_tenants() -> dict[str, int]:
    """Read the facts of every tenant and try to break out of each. Returns counts for the run's result."""
    tenancy.forget()
    tenants = tenancy.list_tenants()
    with db.engines["monitor"].connect() as connection:
        facts = probes.read_schemas(connection)
    found = {tenant.slug: _inspect(tenant, tenants) for tenant in tenants}
    rows = [asdict(fact) | {"problem": fact.problem} | found.get(fact.slug, {}) for fact in facts]
    head = ", ".join(migrations.heads(History.TENANT))
    store_reading(READING, {"tenants": rows, "head": head}, every=EVERY_SECONDS)
    return {
        "tenants": len(tenants),
        "problems": sum(bool(row["problem"]) for row in rows),
        "escapes": sum(row.get("escapes", 0) for row in rows),
    }


def _inspect(tenant: TenantRef, tenants: list[TenantRef]) -> dict[str, Any]:
    others = [other for other in tenants if other != tenant]
    with db.engine.connect() as connection:
        attempts = probes.try_to_escape(connection, tenant, others)
    with db.engines["owner"].connect() as connection:
        revision = migrations.current(connection, History.TENANT, tenant.schema)
    return {
        "revision": revision,
        "attempts": [asdict(attempt) for attempt in attempts],
        "escapes": sum(not attempt.was_refused for attempt in attempts),
    }
