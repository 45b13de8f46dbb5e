"""Owns mailings: what they are allowed to be, when they go out, and what became of the last one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.kpis.mailing import queries, timing
from dashboard.kpis.models import KpiMailing

RETRY = timedelta(minutes=15)
CUT_OFF = "Sending was cut off; it is tried again."
LONGEST_ERROR = 500
MOST_RECIPIENTS = 50


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for."""

    page: str
    filters: Mapping[str, str]
    recipients: Sequence[str]
    every: str
    hour: int
    is_active: bool = True


def save(
    session: Session, found: KpiMailing | None, wanted: Wanted, *, owner: str, now: datetime
) -> KpiMailing:
    """Make or change a mailing; its next time follows from it. Raises InvalidInputError."""
    if not 1 <= len(wanted.recipients) <= MOST_RECIPIENTS:
        words = f"Choose between one and {MOST_RECIPIENTS} people."
        raise InvalidInputError(words, fields={"recipients": words})
    mailing = found or KpiMailing(owner=owner)
    mailing.page, mailing.filters = wanted.page, dict(wanted.filters)
    mailing.recipients = "\n".join(dict.fromkeys(wanted.recipients))
    mailing.every, mailing.hour, mailing.is_active = wanted.every, wanted.hour, wanted.is_active
    mailing.next_at = timing.next_at(wanted.every, wanted.hour, queries.zone_of(mailing.owner), now)
    mailing.last_error = None
    session.add(mailing)
    session.flush()
    return mailing


def pause(session: Session, mailing: KpiMailing) -> None:
    """Send no more until it is resumed."""
    mailing.is_active = False
    session.flush()


def resume(session: Session, mailing: KpiMailing, now: datetime) -> None:
    """Send again, from the next time on: what was missed is not made up for. Raises ConflictError."""
    if not queries.addresses(mailing):
        raise ConflictError("It goes to nobody.", fix="Choose who gets it first.")
    mailing.is_active, mailing.last_error = True, None
    mailing.next_at = timing.next_at(mailing.every, mailing.hour, queries.zone_of(mailing.owner), now)
    session.flush()


def leave(session: Session, mailing: KpiMailing, email: str) -> None:
    """Take one's own address out. The last one to leave pauses it, and stays named."""
    others = [address for address in queries.addresses(mailing) if address != email]
    if others:
        mailing.recipients = "\n".join(others)
    else:
        mailing.is_active = False
    session.flush()


def send_now(session: Session, mailing: KpiMailing, now: datetime) -> None:
    """Have it sent by the next round of the job. Raises ConflictError for one that is paused."""
    if not mailing.is_active:
        raise ConflictError("It is paused.", fix="Resume it first.")
    mailing.next_at = now
    session.flush()


def claim(session: Session, mailing_id: int, zone: tzinfo, now: datetime) -> KpiMailing | None:
    """Take a due mailing on: should this process die, it is tried again later. None when it is not due."""
    due = KpiMailing.is_active & (KpiMailing.next_at <= now)
    query = select(KpiMailing).where(KpiMailing.id == mailing_id, due).with_for_update(skip_locked=True)
    mailing = session.scalar(query.execution_options(populate_existing=True))
    if mailing is not None:
        regular = timing.next_at(mailing.every, mailing.hour, zone, now)
        _note(session, mailing_id, next_at=min(now + RETRY, regular), last_error=CUT_OFF)
    return mailing


def note(
    session: Session, mailing: KpiMailing, zone: tzinfo, now: datetime, *, sent: int, error: str
) -> None:
    """Keep how it went. When it reached nobody it stays due a quarter of an hour later."""
    if not sent:
        _note(session, mailing.id, last_error=error[:LONGEST_ERROR])
        return
    regular = timing.next_at(mailing.every, mailing.hour, zone, now)
    _note(session, mailing.id, next_at=regular, last_sent_at=now, last_error=error[:LONGEST_ERROR] or None)


def give_up(session: Session, mailing: KpiMailing, reason: str) -> None:
    """Pause what cannot go out until a person changes it."""
    _note(session, mailing.id, is_active=False, last_error=reason[:LONGEST_ERROR])


def _note(session: Session, mailing_id: int, **values: object) -> None:
    """Past the optimistic lock: a form that is open meanwhile is about other things."""
    session.execute(
        update(KpiMailing).where(KpiMailing.id == mailing_id).values(**values),
        execution_options={"synchronize_session": False},
    )
