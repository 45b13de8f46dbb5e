"""Owns the bell of the frame: what a person has not read, counted at most every half minute."""

from dataclasses import dataclass

from flask import g, url_for
from sqlalchemy.exc import SQLAlchemyError

from dashboard.collaboration import queries
from dashboard.core.caching import caches
from dashboard.core.db import db
from dashboard.core.people import current_user
from dashboard.core.web import can

LIFETIME = 30


@dataclass(frozen=True)
class Bell:
    """Where it leads, and the number beside it."""

    url: str
    unread: int

    @property
    def label(self) -> str:
        """What a screen reader says."""
        many = f"{self.unread}" if self.unread < queries.MANY else f"at least {queries.MANY}"
        return f"Notifications, {many} unread" if self.unread else "Notifications"


def read() -> Bell | None:
    """The bell of the current page; none outside a tenant and for people who see no records."""
    if not g.get("tenant_slug") or not g.get("tenant") or not can("records.notification.view"):
        return None
    unread = caches.default.get(_key(current_user.email))
    if unread is None:
        unread = _count(current_user.email)
        caches.default.set(_key(current_user.email), unread, LIFETIME)
    return Bell(url_for("collaboration.notifications"), int(unread))


def forget(email: str) -> None:
    """Count again for the next page."""
    caches.default.set(_key(email), None, 1)


def _key(email: str) -> str:
    return f"unread:{email.lower()}"


def _count(email: str) -> int:
    """On the page of an error the transaction may be broken: then the bell says nothing."""
    try:
        return queries.count_unread(db.session(), email)
    except SQLAlchemyError:
        return 0
