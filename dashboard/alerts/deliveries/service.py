"""Changes routes, asks for tests and further tries. Flushes; the view commits. Secrets are never logged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError

from dashboard.alerts.deliveries import deciding, destinations, queries, sealing
from dashboard.alerts.deliveries.models import Body, Delivery, Kind, Purpose, Route
from dashboard.alerts.deliveries.sending import allowed
from dashboard.audit.service import record_operation
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError

CHANGED = "This route was changed meanwhile. Reload the page, then edit it again."


@dataclass(frozen=True)
class Wanted:
    """A route as written. Empty `url` and `secret` keep what is stored; `forget_secret` drops the secret."""

    name: str
    kind: str
    address: str = ""
    url: str = ""
    secret: str = ""
    forget_secret: bool = False
    body: str = Body.FULL
    severities: Sequence[str] = ()
    areas: Sequence[str] = ()
    repeat_seconds: int = 0
    quiet_from: time | None = None
    quiet_until: time | None = None
    quiet_zone: str = "UTC"
    is_active: bool = True
    version: int = 0


def save(route: Route | None, wanted: Wanted, settings: Settings, *, actor: str) -> Route:
    """Store a new route, or change one.

    Raises InvalidInputError (fields name, address, url, quiet_until) and ConflictError for a stale change.
    """
    if route is not None and route.version != wanted.version:
        raise ConflictError(CHANGED)
    is_new = route is None
    route = route or Route(kind=wanted.kind, address="")
    if fields := _problems(route, wanted, settings):
        raise InvalidInputError("The route was not saved.", fields=fields)
    _fill(route, wanted, settings, actor)
    db.session.add(route)
    try:
        db.session.flush()
    except StaleDataError as error:
        raise ConflictError(CHANGED) from error
    record_operation(
        f"alert_route.{'add' if is_new else 'change'}",
        route.name,
        actor=actor,
        kind=route.kind,
        to=route.address,
        severities=route.severities,
        areas=route.areas,
        repeat_seconds=route.repeat_seconds,
        active=route.is_active,
        new_address=bool(wanted.url),
        new_secret=bool(wanted.secret) or wanted.forget_secret,
    )
    return route


def _problems(route: Route, wanted: Wanted, settings: Settings) -> dict[str, str]:
    fields = {}
    taken = db.session.scalar(select(Route.id).where(Route.name == wanted.name, Route.id != (route.id or 0)))
    if taken:
        fields["name"] = "There is a route of this name already."
    if (wanted.quiet_from is None) != (wanted.quiet_until is None):
        fields["quiet_until"] = "Give both ends of the quiet time, or none."
    if route.kind == Kind.MAIL and not wanted.address:
        fields["address"] = "A mail needs an address."
    if route.kind == Kind.WEBHOOK and not (wanted.url or route.sealed_url):
        fields["url"] = "A webhook needs an address."
    elif route.kind == Kind.WEBHOOK and wanted.url:
        try:
            destinations.check_written(wanted.url, allowed(settings))
        except destinations.RefusedError as error:
            fields["url"] = str(error)
    return fields


def _fill(route: Route, wanted: Wanted, settings: Settings, actor: str) -> None:
    route.name, route.is_active, route.changed_by = wanted.name, wanted.is_active, actor
    route.severities, route.areas = list(wanted.severities), list(wanted.areas)
    route.repeat_seconds, route.body = wanted.repeat_seconds, wanted.body
    route.quiet_from, route.quiet_until = wanted.quiet_from, wanted.quiet_until
    route.quiet_zone = wanted.quiet_zone
    if route.kind == Kind.MAIL:
        route.address = wanted.address
    elif wanted.url:
        route.address = destinations.parse(wanted.url)[1]
        route.sealed_url = sealing.seal(wanted.url.strip(), settings.secret_key)
    if wanted.secret or wanted.forget_secret:
        route.sealed_secret = sealing.seal(wanted.secret, settings.secret_key)


def delete(route: Route, *, actor: str) -> None:
    """Remove a route with what waits for it."""
    name, to = route.name, route.address
    db.session.delete(route)
    db.session.flush()
    record_operation("alert_route.delete", name, actor=actor, to=to)


def test(route: Route, facts: Sequence[deciding.Facts], *, actor: str) -> Delivery:
    """Ask for a test message, with these alerts as if they fired."""
    made = deciding.write_test(route, facts, actor, datetime.now(UTC))
    record_operation("alert_route.test", route.name, actor=actor, delivery=str(made.id))
    return made


def retry(delivery_id: UUID, *, actor: str) -> Delivery:
    """Ask for another round of tries, at once. Raises ConflictError for one that needs none."""
    found = queries.get_delivery(delivery_id)
    if found.sent_at is not None or found.purpose == Purpose.TEST:
        raise ConflictError("This message needs no further try.", fix="Send a test instead.")
    found.given_up_at, found.attempts, found.error = None, 0, ""
    found.due_at = datetime.now(UTC)
    db.session.flush()
    record_operation("alert_delivery.retry", str(found.id), actor=actor, route=found.route.name)
    return found
