"""Reads the headline figures of a tenant and keeps them in the control database. The job commits."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.core.filters import zone
from dashboard.kpis import choices, filters, periods, targets
from dashboard.kpis.models import KpiState, KpiTarget
from dashboard.kpis.pages import overview, reading, wording
from dashboard.kpis.registry import KPIS, Kpi
from dashboard.kpis.tenants_view.models import Headline
from dashboard.tenancy.models import TenantRef

EVERY_SECONDS = 900


def read(session: Session, tenant: TenantRef, now: datetime) -> list[Headline]:
    """Return the figures of the tenant that `session` belongs to, not yet stored."""
    month = last_whole_month(session, now)
    selection = filters.read(session, periods.only(month), month)
    kpis = _chosen(session, month)
    readings = reading.read_all(session, kpis, selection)
    wanted = targets.find(session, [kpi.code for kpi in kpis], selection.sums)
    as_of = {row.family: row.as_of for row in session.execute(select(KpiState.family, KpiState.as_of))}
    return [
        Headline(
            tenant_id=tenant.id,
            code=code,
            month=month,
            value=found.now.value,
            previous=found.before.value if found.before else None,
            target=wanted.get(code),
            verdict=wording.verdict(found.kpi, found.now.value, wanted.get(code)),
            n=found.now.n,
            currency=selection.choices.currency,
            as_of=as_of.get(found.kpi.family),
            read_at=now,
        )
        for code, found in readings.items()
    ]


def last_whole_month(session: Session, now: datetime) -> date:
    """The month that has ended, by the calendar of the tenant's first organization."""
    orgs = choices.read(session).orgs
    here = now.astimezone(zone(orgs[0].time_zone) if orgs else UTC).date()
    return periods.shift(here.replace(day=1), -1)


def keep(session: Session, tenant_id: int, rows: Sequence[Headline]) -> None:
    """Put the figures of a tenant in the place of those it had."""
    session.execute(delete(Headline).where(Headline.tenant_id == tenant_id))
    session.add_all(rows)
    session.flush()


def forget_others(session: Session, tenant_ids: Sequence[int]) -> None:
    """Drop what is kept of tenants that are gone."""
    session.execute(delete(Headline).where(Headline.tenant_id.not_in(tenant_ids)))


def _chosen(session: Session, month: date) -> list[Kpi]:
    """Those of the overview, and whatever has a target for the month."""
    holds = (KpiTarget.first_month <= month, KpiTarget.last_month >= month)
    aimed = set(session.scalars(select(KpiTarget.code).where(*holds).distinct()))
    codes = {kpi.code for kpi in overview.headlines()} | aimed
    return [kpi for code, kpi in KPIS.items() if code in codes]
