"""Slows down guessing: per account and address, and per address over all accounts.

Attempts live in the control database, so that every web process sees them. An attempt is written as failed
before the password is looked at: many at once cannot all slip through the count.
"""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from dashboard.users.control import own_session
from dashboard.users.models import EMAIL_LENGTH, LoginAttempt

LOCKED_SECONDS = 15 * 60
MAX_FAILURES = 5
# Seconds to wait after that many failures in a row, before the lock.
DELAYS = {3: 2, 4: 5}
MAX_FAILURES_PER_ADDRESS = 50
ADDRESS_WINDOW_SECONDS = 3600
KEPT_DAYS = 30


@dataclass(frozen=True)
class Attempt:
    """A claimed try (`id`), or the seconds to wait before the next one."""

    id: int = 0
    wait_seconds: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether the password must not even be looked at."""
        return self.wait_seconds > 0


def address_key(ip: str) -> str:
    """Return the address to count by: IPv6 by /64, which is what one customer gets."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip[:45]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network(f"{ip}/64", strict=False).network_address)
    return str(getattr(address, "ipv4_mapped", None) or address)


def claim_attempt(email: str, ip: str) -> Attempt:
    """Take the right to try a password, or learn how long to wait. Commits by itself."""
    email, ip = email[:EMAIL_LENGTH], address_key(ip)
    with own_session() as session, session.begin():
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:ip, 7))"), {"ip": ip})
        wait = max(_account_wait(session, email, ip), _address_wait(session, ip))
        if wait > 0:
            return Attempt(wait_seconds=wait)
        row = session.execute(insert(LoginAttempt).values(email=email, ip=ip).returning(LoginAttempt.id))
        return Attempt(id=row.scalar_one())


def confirm_attempt(attempt: Attempt) -> None:
    """Note that the password was right: earlier failures of this account and address no longer count.

    It also deletes attempts older than KEPT_DAYS. Commits by itself.
    """
    limit = func.now() - func.make_interval(0, 0, 0, KEPT_DAYS)
    with own_session() as session, session.begin():
        session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt.id).values(ok=True))
        session.execute(delete(LoginAttempt).where(LoginAttempt.at < limit))


def forgive(email: str, ip: str) -> None:
    """Note that a person proved who they are by a mailed link: a lock of theirs ends. Commits by itself."""
    with own_session() as session, session.begin():
        session.execute(insert(LoginAttempt).values(email=email[:EMAIL_LENGTH], ip=address_key(ip), ok=True))


def _account_wait(session: Session, email: str, ip: str) -> int:
    here = (LoginAttempt.email == email, LoginAttempt.ip == ip)
    last_success = select(func.max(LoginAttempt.id)).where(*here, LoginAttempt.ok).scalar_subquery()
    count, last = _failures(
        session, *here, LoginAttempt.id > func.coalesce(last_success, 0), within=LOCKED_SECONDS
    )
    delay = LOCKED_SECONDS if count >= MAX_FAILURES else DELAYS.get(count, 0)
    return _left(session, last, delay)


def _address_wait(session: Session, ip: str) -> int:
    count, last = _failures(session, LoginAttempt.ip == ip, within=ADDRESS_WINDOW_SECONDS)
    return _left(session, last, LOCKED_SECONDS if count >= MAX_FAILURES_PER_ADDRESS else 0)


def _failures(session: Session, *conditions: ColumnElement[bool], within: int) -> tuple[int, datetime | None]:
    since = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, within)
    query = select(func.count(), func.max(LoginAttempt.at)).where(
        *conditions, LoginAttempt.ok.is_(False), LoginAttempt.at > since
    )
    count, last = session.execute(query).one()
    return count, last


def _left(session: Session, last: datetime | None, delay: int) -> int:
    """Whole seconds from now until `delay` after the last failure, by the database's clock."""
    if last is None or not delay:
        return 0
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    return max(0, -int(-(delay - (now - last).total_seconds()) // 1))
