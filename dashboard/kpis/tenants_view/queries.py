"""Reads the headline figures of tenants; only the control database."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select

from dashboard.core.db import db
from dashboard.kpis.tenants_view.models import Headline
from dashboard.users.control import own_session


def list_headlines(tenant_ids: Collection[int], codes: Collection[str]) -> dict[tuple[int, str], Headline]:
    """The figures of some tenants by tenant and KPI."""
    chosen = (Headline.tenant_id.in_(tenant_ids), Headline.code.in_(codes))
    return {(row.tenant_id, row.code): row for row in db.session.scalars(select(Headline).where(*chosen))}


def list_missed() -> list[Headline]:
    """What misses its target, by tenant."""
    query = select(Headline).where(Headline.verdict == "missed")
    return list(db.session.scalars(query.order_by(Headline.tenant_id, Headline.code)))


def list_unread(tenant_ids: Collection[int]) -> set[int]:
    """Return those of some tenants of which nothing was read since their figures were first computed."""
    chosen = (Headline.tenant_id.in_(tenant_ids), Headline.as_of.is_not(None))
    with own_session() as session:
        return set(tenant_ids) - set(session.scalars(select(Headline.tenant_id).where(*chosen).distinct()))


def read_at() -> datetime | None:
    """When any tenant was last read; None when none ever was."""
    at: datetime | None = db.session.scalar(select(func.max(Headline.read_at)))
    return at
