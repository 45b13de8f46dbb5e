"""Owns what time does to requests: bids open, reminders go out, buyers learn of a deadline, quotes expire.

All of it can be repeated at any time: each part finds only what is still to do.
"""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.collaboration import service as collaboration
from dashboard.collaboration.models import Notification
from dashboard.erp.organizations.models import Organization
from dashboard.erp.quotes.models import Quote, QuoteStatus
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sealing import service as sealing
from dashboard.erp.sourcing import mails, queries
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.workflow.service import transition

REMINDED_BEFORE = timedelta(hours=48)
NOTICED_FOR = timedelta(days=7)
PASSED = "Deadline passed"


def keep(session: Session) -> dict[str, int]:
    """Do everything that is due in this tenant; returns how much of each kind. The caller commits."""
    return {
        "opened": len(sealing.open_due(session)),
        "deadlines": _tell_buyers(session),
        "reminders": _remind(session),
        "expired": _expire_quotes(session),
    }


def _tell_buyers(session: Session) -> int:
    """Tell each buyer once that a deadline has passed; the notification itself is the mark."""
    now = seals.clock(session)
    told = select(Notification.id).where(
        Notification.entity == "rfq",
        Notification.record_id == Rfq.id,
        Notification.title.startswith(PASSED),
        Notification.created_at > Rfq.deadline,
    )
    passed = select(Rfq).where(
        Rfq.status.in_(queries.BIDDING),
        Rfq.deleted_at.is_(None),
        Rfq.early_close_reason.is_(None),
        Rfq.deadline <= now,
        Rfq.deadline > now - NOTICED_FOR,
        ~told.exists(),
    )
    count = 0
    for rfq in session.scalars(passed):
        bids = queries.count_bids(session, rfq.id)
        words = f"{PASSED}: {rfq.number or rfq.title}, {bids} {'bid' if bids == 1 else 'bids'}"
        body = "The sealed prices are open now." if rfq.sealed else ""
        told_to = queries.recipients(rfq)
        collaboration.notify(session, told_to, words, entity="rfq", record_id=rfq.id, body=body)
        count += bool(told_to)
    return count


def _remind(session: Session) -> int:
    """Remind, once, those who were invited more than half of the time ago and have not answered."""
    now = seals.clock(session)
    near = select(Rfq).where(
        Rfq.status.in_(queries.BIDDING),
        Rfq.deleted_at.is_(None),
        Rfq.early_close_reason.is_(None),
        Rfq.deadline > now,
        Rfq.deadline <= now + REMINDED_BEFORE,
    )
    count = 0
    for rfq in session.scalars(near).all():
        for one in queries.list_invited(session, rfq.id):
            invited = one.invitation.invited_at
            silent = one.state in {"invited", "seen", "draft"} and one.invitation.reminded_at is None
            if silent and invited and rfq.deadline and now - invited > rfq.deadline - now:
                mails.write(session, rfq, one.supplier, mails.REMINDER, queued=False)
                one.invitation.reminded_at = now
                count += 1
    session.flush()
    return count


def _expire_quotes(session: Session) -> int:
    """End offers whose last day is over where the organization is, and drafts a supplier never submitted."""
    return _expire_lapsed(session) + _expire_drafts(session)


def _expire_lapsed(session: Session) -> int:
    today = func.date(func.timezone(Organization.time_zone, func.clock_timestamp()))
    lapsed = (
        select(Quote)
        .join(Organization, Organization.id == Quote.org_id)
        .join(Rfq, Rfq.id == Quote.rfq_id)
        .where(
            Quote.status.in_((QuoteStatus.SUBMITTED, QuoteStatus.SHORTLISTED)),
            Quote.deleted_at.is_(None),
            Quote.valid_until < today,
            Rfq.status.in_(queries.BIDDING),
        )
    )
    return _expire(session, list(session.scalars(lapsed)))


def _expire_drafts(session: Session) -> int:
    late = (
        select(Quote)
        .join(Rfq, Rfq.id == Quote.rfq_id)
        .where(
            Quote.status == QuoteStatus.DRAFT,
            Quote.from_supplier,
            Quote.deleted_at.is_(None),
            (Rfq.deadline <= func.clock_timestamp()) | Rfq.early_close_reason.is_not(None),
        )
    )
    return _expire(session, list(session.scalars(late)))


def _expire(session: Session, quotes: list[Quote]) -> int:
    for quote in quotes:
        transition(session, quote, "expire")
    return len(quotes)
