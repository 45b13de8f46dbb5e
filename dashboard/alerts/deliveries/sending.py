"""Takes messages from the outbox and sends them: at least once, in the order of their route. Flushes only.

A message is claimed with a lease, and that is committed before it is sent. Who dies in between leaves it to
the next one after the lease; the receiver knows the copy by its key.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select

from dashboard.alerts.deliveries import composing, destinations, outgoing, queries, sealing
from dashboard.alerts.deliveries.models import Body, Delivery, Kind, Purpose, Route
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.core.mail import send_mail

log = structlog.get_logger()
LEASE = timedelta(minutes=5)  # longer than all time limits of one message together
WAITS = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600)  # seconds after each failure; then it is given up
REFUSALS = 3  # attempts where the receiver says that it never will
PASSING = frozenset({408, 425, 429})  # of the 4xx those that may go better later


@dataclass(frozen=True)
class Failure:
    """Why it did not arrive; `final` when trying again can hardly help."""

    reason: str
    final: bool = False


def claim(now: datetime | None = None) -> Delivery | None:
    """Take the next message that is due; None when there is none. Commit before sending it."""
    now = now or datetime.now(UTC)
    query = (
        select(Delivery)
        .where(queries.is_due(now))
        .order_by(Delivery.attempts, Delivery.due_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=Delivery)
        .execution_options(populate_existing=True)
    )
    found: Delivery | None = db.session.scalar(query)
    if found is not None:
        found.attempts += 1
        found.due_at = now + LEASE
        db.session.flush()
    return found


def send(delivery: Delivery, settings: Settings) -> Failure | None:
    """Send one message; return why it did not arrive, None when it did."""
    try:
        if delivery.route.kind == Kind.MAIL:
            _mail(delivery, settings)
            return None
        return _call(delivery, settings)
    except destinations.RefusedError as error:
        return Failure(str(error), final=True)
    except (DashboardError, outgoing.CallError) as error:
        return Failure(str(error))
    except OSError as error:
        return Failure(f"{delivery.route.address} cannot be looked up: {error.strerror or 'no such name'}")
    except Exception as error:  # a wrong message must not hold up the others
        log.exception("alert_delivery_failed", route=delivery.route.name)
        return Failure(f"It could not be written: {type(error).__name__}", final=True)


def note(delivery: Delivery, failure: Failure | None, now: datetime | None = None) -> None:
    """Keep how it went: sent, to be tried again after a pause, or given up."""
    now = now or datetime.now(UTC)
    if failure is None:
        delivery.sent_at, delivery.error = now, ""
        log.info("alert_sent", route=delivery.route.name, delivery=str(delivery.id))
        return
    delivery.error = failure.reason[:500]
    most = REFUSALS if failure.final else len(WAITS) + 1
    if delivery.purpose == Purpose.TEST or delivery.attempts >= most:
        delivery.given_up_at = now
    else:
        delivery.due_at = now + timedelta(seconds=WAITS[delivery.attempts - 1])
    log.warning("alert_not_sent", route=delivery.route.name, attempt=delivery.attempts, error=delivery.error)


def _mail(delivery: Delivery, settings: Settings) -> None:
    send_mail(
        delivery.route.address,
        composing.subject(delivery.content, delivery.purpose),
        composing.text(delivery.content, settings.url, delivery.purpose),
        message_id=f"alert-{delivery.id}",
        settings=settings,
    )


def _call(delivery: Delivery, settings: Settings) -> Failure | None:
    route = delivery.route
    url = sealing.unseal(route.sealed_url, settings.secret_key)
    to = destinations.check(url, allowed(settings))
    content = body_of(delivery, settings)
    status = outgoing.call(to, "POST", headers_of(delivery, route, content, settings), content)
    if 200 <= status < 300:
        return None
    hint = ", which leads elsewhere: redirects are not followed" if 300 <= status < 400 else ""
    final = 400 <= status < 500 and status not in PASSING
    return Failure(f"{to.host} answered with HTTP {status}{hint}.", final=final or 300 <= status < 400)


def body_of(delivery: Delivery, settings: Settings) -> bytes:
    """Return the bytes a webhook gets; the same for every copy of one message."""
    if delivery.route.body == Body.TEXT:
        content: dict[str, object] = {
            "text": composing.chat(delivery.content, settings.url, delivery.purpose)
        }
    else:
        content = composing.body(
            delivery.content,
            key=str(delivery.id),
            base=settings.url,
            at=delivery.created_at,
            purpose=delivery.purpose,
        )
    return json.dumps(content, ensure_ascii=False).encode()


def headers_of(delivery: Delivery, route: Route, content: bytes, settings: Settings) -> dict[str, str]:
    """Return the headers: the key of the message, and a signature over the time and the body."""
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Steward",
        "Idempotency-Key": str(delivery.id),
    }
    secret = sealing.unseal(route.sealed_secret, settings.secret_key)
    if secret:
        at = str(int(datetime.now(UTC).timestamp()))
        headers["X-Steward-Timestamp"] = at
        headers["X-Steward-Signature"] = f"sha256={sign(secret, at, content)}"
    return headers


def sign(secret: str, at: str, content: bytes) -> str:
    """Return HMAC-SHA256 over `<timestamp>.<body>`, as hex digits."""
    return hmac.new(secret.encode(), f"{at}.".encode() + content, hashlib.sha256).hexdigest()


def allowed(settings: Settings) -> destinations.Allowed:
    """Return what the administrator of the machine allows."""
    return destinations.Allowed(settings.webhook_hosts, settings.webhook_private)
