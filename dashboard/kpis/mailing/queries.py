"""Reads mailings of a tenant, and who may get them."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.collaboration.people import Person, list_people
from dashboard.core.errors import NotFoundError
from dashboard.core.filters import zone
from dashboard.kpis.models import KpiMailing
from dashboard.users.control import own_session
from dashboard.users.models import Operator

VIEW, EDIT = "insights.mailings.view", "insights.mailings.edit"


def list_mailings(session: Session) -> list[KpiMailing]:
    """Every mailing of the tenant, what runs first, then by the page."""
    order = (KpiMailing.is_active.desc(), KpiMailing.page, KpiMailing.id)
    return list(session.scalars(select(KpiMailing).order_by(*order)))


def get_mailing(session: Session, mailing_id: int) -> KpiMailing:
    """Return a mailing. Raises NotFoundError."""
    found = session.get(KpiMailing, mailing_id, populate_existing=True)
    if found is None:
        raise NotFoundError("There is no such mailing.", fix="It may have been deleted.")
    return found


def list_due(session: Session, now: datetime) -> list[int]:
    """The mailings whose time has come."""
    query = select(KpiMailing.id).where(KpiMailing.is_active, KpiMailing.next_at <= now)
    return list(session.scalars(query.order_by(KpiMailing.next_at, KpiMailing.id)))


def addresses(mailing: KpiMailing) -> list[str]:
    """To whom it goes, each address once."""
    lines = (line.strip().lower() for line in mailing.recipients.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def readers(tenant_slug: str, page: str) -> dict[str, Person]:
    """Who may open a page of insights in a tenant, by address: nobody else is mailed one."""
    return {person.email: person for person in list_people(tenant_slug, f"insights.{page}.view")}


def zone_of(email: str) -> tzinfo:
    """The time zone of a person; UTC when there is no such person any more."""
    with own_session() as session:
        name = session.scalar(select(Operator.timezone).where(Operator.email == email))
    return zone(name or "UTC")


def names(people: Sequence[str], readers_by_address: dict[str, Person]) -> list[str]:
    """How people are called, with the address of those who may not see the page (any more)."""
    return [
        readers_by_address[email].name if email in readers_by_address else f"{email} (has no access)"
        for email in people
    ]
