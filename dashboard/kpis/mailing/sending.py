"""Sends one mailing to those who may see its page, one mail to each, and keeps how that went. Commits."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.errors import DashboardError, NotFoundError
from dashboard.core.mail import send_mail
from dashboard.kpis.mailing import composing, queries, service, timing
from dashboard.kpis.mailing.composing import Letter
from dashboard.kpis.models import KpiMailing
from dashboard.kpis.pages import service as pages
from dashboard.replication import reading
from dashboard.tenancy.models import TenantRef

log = structlog.get_logger()
OWNER_GONE = "{owner} may not see this page any more, so it goes to nobody. Save it anew to take it over."
NO_READERS = "None of those it goes to may see the page."


@dataclass(frozen=True)
class Outcome:
    """To how many it went, and what is wrong with the rest ('' : nothing)."""

    sent: int
    error: str


def send(session: Session, mailing_id: int, tenant: TenantRef, settings: Settings, now: datetime) -> Outcome:
    """Send a mailing that is due and keep how that went; one somebody else took on is left alone."""
    mailing = session.get(KpiMailing, mailing_id)
    zone = queries.zone_of(mailing.owner if mailing else "")
    claimed = service.claim(session, mailing_id, zone, now)
    session.commit()  # no transaction stays open while charts are drawn and mails go out
    if claimed is None:
        return Outcome(0, "")
    able = queries.readers(tenant.slug, claimed.page)
    if claimed.owner not in able:
        return _give_up(session, claimed, OWNER_GONE.format(owner=claimed.owner))
    readers = [address for address in queries.addresses(claimed) if address in able]
    if not readers:
        return _give_up(session, claimed, NO_READERS)
    try:
        letter = _write(session, claimed, tenant, settings)
    except NotFoundError as error:
        return _give_up(session, claimed, f"{error.message} Its filters name something that is gone.")
    except DashboardError as error:
        outcome = Outcome(0, error.message)
    else:
        outcome = _post(letter, claimed, readers, tenant, settings, now)
    session.rollback()
    service.note(session, claimed, zone, now, sent=outcome.sent, error=outcome.error)
    session.commit()
    return outcome


def _give_up(session: Session, mailing: KpiMailing, reason: str) -> Outcome:
    service.give_up(session, mailing, reason)
    session.commit()
    return Outcome(0, reason)


def _write(session: Session, mailing: KpiMailing, tenant: TenantRef, settings: Settings) -> Letter:
    zone = queries.zone_of(mailing.owner)
    name, filters = mailing.page, mailing.filters
    page, _ = reading.ask(tenant, lambda there: pages.build(there, name, filters))
    session.rollback()
    return composing.compose(page, mailing, tenant, settings.url, zone)


def _post(
    letter: Letter,
    mailing: KpiMailing,
    readers: list[str],
    tenant: TenantRef,
    settings: Settings,
    now: datetime,
) -> Outcome:
    """One mail each: nobody learns of the others, and one address that is refused holds up none."""
    due = timing.latest_at(mailing.every, mailing.hour, queries.zone_of(mailing.owner), now)
    failed: dict[str, str] = {}
    for address in readers:
        about = sha256(f"{tenant.id}/{mailing.id}/{due:%Y%m%d%H}/{address}".encode()).hexdigest()[:32]
        try:
            send_mail(
                address,
                letter.subject,
                letter.text,
                html=letter.html,
                attachments=letter.files,
                message_id=f"insights-{about}",
                headers={"List-Unsubscribe": f"<{letter.leave_url}>"},
                settings=settings,
            )
        except DashboardError as error:
            failed[address] = error.message
            log.warning("mailing_not_sent", tenant=tenant.slug, mailing=mailing.id, error=error.message)
    told = "; ".join(f"{address}: {reason}" for address, reason in failed.items())
    return Outcome(len(readers) - len(failed), f"Not sent to {told}" if told else "")
