"""Conditions over KPIs: a tenant's figures of the last whole month miss their targets."""

from datetime import timedelta
from itertools import groupby

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at, listed
from dashboard.kpis.pages import wording
from dashboard.kpis.registry import KPIS
from dashboard.kpis.tenants_view import queries
from dashboard.kpis.tenants_view.models import Headline
from dashboard.kpis.tenants_view.service import EVERY_SECONDS
from dashboard.tenancy.queries import known_tenants

STALE_AFTER = timedelta(seconds=3 * EVERY_SECONDS)
MOST = 5


@condition("insights.target_missed", every=EVERY_SECONDS)
def target_missed(watch: Watch) -> Answer:
    """A KPI with a target was worse than it in the last whole month; one breach for each tenant."""
    read_at = queries.read_at()
    if read_at is None:
        return []  # no tenant has figures yet, so none has missed anything
    if watch.now - read_at > STALE_AFTER:
        return Unknown(f"The figures of tenants were last read at {at(read_at)}.", read_at)
    slugs = {tenant.id: tenant.slug for tenant in known_tenants()}
    missed = [row for row in queries.list_missed() if row.tenant_id in slugs and row.code in KPIS]
    by_tenant = groupby(missed, key=lambda row: slugs[row.tenant_id])
    return [Breach(slug, _words(list(rows))) for slug, rows in by_tenant]


def _words(rows: list[Headline]) -> str:
    return f"{listed([_one(row) for row in rows], MOST, '; ')}."


def _one(row: Headline) -> str:
    kpi = KPIS[row.code]
    value, target = (wording.write(kpi, each, row.currency) for each in (row.value, row.target))
    return f"{kpi.title} was {value} in {row.month:%B %Y} instead of {target} (of {row.n} records)"
