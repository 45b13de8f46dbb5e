"""Reads the parameters that hold: the defaults of the code with the revisions people declared over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.erp.models import Organization
from dashboard.kpis.asking import Terms
from dashboard.kpis.families import Family
from dashboard.kpis.models import KpiSetting, KpiVersion
from dashboard.kpis.registry import Kpi, of_family

Values = dict[str, Any]
FALLBACK_CURRENCY = "EUR"


@dataclass(frozen=True)
class Revision:
    """A declared version of a definition, with the name of the organization it is for ('' : for all)."""

    row: KpiVersion
    organization: str

    @property
    def title(self) -> str:
        """What a picker calls it."""
        return f"Revision {self.row.revision}" + (f" of {self.organization}" if self.organization else "")


def terms(
    session: Session,
    family: Family,
    as_of: datetime | None = None,
    revisions: Mapping[str, int] | None = None,
) -> Terms:
    """Return with what the facts of a family are computed: now, or as of a moment that has a zone.

    `revisions` replays definitions: for a KPI's code the id of the newest version that counts, 0 for the
    defaults of the code. A KPI that is not named has all its versions.
    """
    kpis = [kpi for kpi in of_family(family.name) if kpi.parameters]
    return Terms(
        as_of or datetime.now(UTC),
        display_currency(session),
        _by_organization(session, kpis, revisions or {}),
    )


def display_currency(session: Session) -> str:
    """Return the currency amounts are shown in: the chosen one, else the one most organizations have."""
    chosen: str | None = session.scalar(select(KpiSetting.display_currency))
    return chosen or usual_currency(session)


def usual_currency(session: Session) -> str:
    """Return the currency most organizations have."""
    usual = (
        select(Organization.base_currency)
        .where(Organization.deleted_at.is_(None))
        .group_by(Organization.base_currency)
        .order_by(func.count().desc(), Organization.base_currency)
    )
    return str(session.scalar(usual.limit(1)) or FALLBACK_CURRENCY)


def list_revisions(session: Session, code: str) -> list[Revision]:
    """Return every version of a definition, the newest first."""
    rows = session.execute(
        select(KpiVersion, Organization.name)
        .outerjoin(Organization, Organization.id == KpiVersion.org_id)
        .where(KpiVersion.code == code)
        .order_by(KpiVersion.id.desc())
    )
    return [Revision(row, name or "") for row, name in rows]


def newest_revisions(session: Session) -> dict[str, KpiVersion]:
    """Return the newest version of each definition that has any, by code."""
    rows = session.scalars(select(KpiVersion).order_by(KpiVersion.id))
    return {row.code: row for row in rows}


def values_for(kpi: Kpi, org_id: int | None, declared: Sequence[KpiVersion]) -> Values:
    """Return the parameters of an organization: its own newest version, over that for all, over the defaults.

    `declared` are versions of any KPI, the oldest first. A version says every parameter, so that the newest
    one alone counts; what it does not know, because the code added it later, has its default.
    """
    values: Values = {parameter.name: parameter.default for parameter in kpi.parameters}
    for owner in (None, org_id) if org_id is not None else (None,):
        newest = [row for row in declared if row.code == kpi.code and row.org_id == owner][-1:]
        for row in newest:
            values |= {name: value for name, value in row.parameters.items() if name in values}
    return values


def declared_versions(
    session: Session, codes: Sequence[str], revisions: Mapping[str, int] | None = None
) -> list[KpiVersion]:
    """Return the versions of some KPIs that count, the oldest first."""
    rows = session.scalars(select(KpiVersion).where(KpiVersion.code.in_(codes)).order_by(KpiVersion.id))
    newest = revisions or {}
    return [row for row in rows if row.id <= newest.get(row.code, row.id)]


def _by_organization(
    session: Session, kpis: Sequence[Kpi], revisions: Mapping[str, int]
) -> tuple[Values, ...]:
    if not kpis:
        return ()
    declared = declared_versions(session, [kpi.code for kpi in kpis], revisions)
    orgs = session.scalars(select(Organization.id).order_by(Organization.id))
    return tuple(
        {"org_id": org_id}
        | {
            f"{kpi.code}_{name}": value
            for kpi in kpis
            for name, value in values_for(kpi, org_id, declared).items()
        }
        for org_id in orgs
    )
