"""Reads routes, the outbox and what was told."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from dashboard.alerts.deliveries.models import Delivery, Purpose, Route
from dashboard.core.db import db
from dashboard.core.errors import NotFoundError

ROWS = 100
OPEN = Delivery.sent_at.is_(None) & Delivery.given_up_at.is_(None)


def is_due(now: datetime) -> ColumnElement[bool]:
    """The condition of messages to be sent now.

    Messages of one route keep their order, so that nobody reads "cleared" before "fires". Tests do not wait.
    """
    earlier = aliased(Delivery)
    waits = exists().where(
        earlier.route_id == Delivery.route_id,
        earlier.sent_at.is_(None),
        earlier.given_up_at.is_(None),
        earlier.purpose != Purpose.TEST,
        earlier.created_at < Delivery.created_at,
    )
    return OPEN & (Delivery.due_at <= now) & ((Delivery.purpose == Purpose.TEST) | ~waits)


def list_routes() -> list[Route]:
    """Return all routes by name."""
    return list(db.session.scalars(select(Route).order_by(func.lower(Route.name))))


def get_route(route_id: int) -> Route:
    """Return one route. Raises NotFoundError."""
    route = db.session.get(Route, route_id)
    if route is None:
        raise NotFoundError("There is no such route.", fix="Somebody may have deleted it meanwhile.")
    return route


def list_deliveries(limit: int = ROWS) -> list[Delivery]:
    """Return the newest messages."""
    return list(db.session.scalars(select(Delivery).order_by(Delivery.created_at.desc()).limit(limit)))


def get_delivery(delivery_id: UUID) -> Delivery:
    """Return one message. Raises NotFoundError."""
    found = db.session.get(Delivery, delivery_id)
    if found is None:
        raise NotFoundError("There is no such message.", fix="Messages are kept for 90 days.")
    return found


def list_last() -> dict[int, Delivery]:
    """Return the newest message of each route that was sent or given up, tests among them."""
    query = (
        select(Delivery)
        .ext(distinct_on(Delivery.route_id))
        .where(Delivery.sent_at.is_not(None) | Delivery.given_up_at.is_not(None))
        .order_by(Delivery.route_id, Delivery.created_at.desc())
    )
    return {delivery.route_id: delivery for delivery in db.session.scalars(query)}


def list_troubled(late: timedelta, now: datetime | None = None) -> list[Delivery]:
    """Return, for each active route in trouble, its oldest message that did not arrive.

    In trouble is a route whose newest finished message was given up, or whose oldest open one has been on its
    way for longer than `late`. Tests do not count as failures, but one that arrives ends the trouble.
    """
    now = now or datetime.now(UTC)
    arrived = (
        select(func.max(Delivery.created_at))
        .where(Delivery.route_id == Route.id, Delivery.sent_at.is_not(None))
        .correlate(Route)
        .scalar_subquery()
    )
    since = func.coalesce(arrived, Route.created_at)
    failed = Delivery.given_up_at.is_not(None) & (Delivery.created_at > since)
    overdue = OPEN & (Delivery.created_at < now - late)
    query = (
        select(Delivery)
        .join(Route, Route.id == Delivery.route_id)
        .ext(distinct_on(Delivery.route_id))
        .where(Route.is_active, Delivery.purpose != Purpose.TEST, failed | overdue)
        .order_by(Delivery.route_id, Delivery.created_at)
    )
    return list(db.session.scalars(query))


def oldest_due_at(now: datetime | None = None) -> datetime | None:
    """Return since when a message has been due that nobody has taken up; None when none is."""
    query = select(func.min(Delivery.due_at)).where(is_due(now or datetime.now(UTC)))
    at: datetime | None = db.session.scalar(query)
    return at
