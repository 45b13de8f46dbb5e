"""The dead man's signal: a ping to the outside every minute, held back when the watch itself is not well.

Steward cannot tell anybody that it has died. So it says all the time that it has not, to a service outside
that raises the alarm when nothing comes. The schedule process sends it, which needs no broker and no workers.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select

from dashboard.alerts import queries
from dashboard.alerts.deliveries import destinations, outgoing
from dashboard.alerts.deliveries import queries as deliveries
from dashboard.alerts.deliveries.deciding import DELIVERY_FAILING
from dashboard.alerts.models import Alert, AlertState, Signal
from dashboard.alerts.service import LATE
from dashboard.alerts.wording import at, listed
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.filters import duration

log = structlog.get_logger()
NAME = "deadman"
EVERY = timedelta(seconds=60)
EXPECT_WITHIN = timedelta(minutes=5)  # what the outside should be told: alarm after so long without a ping
UNSENT = timedelta(minutes=5)
PROBES_STALE = "health.probes_stale"


@dataclass(frozen=True)
class Sign:
    """How the pings stand, for the page."""

    url_host: str
    signal: Signal | None
    held_for: str

    @property
    def state(self) -> str:
        """The word of its badge."""
        if not self.url_host:
            return "none"
        if self.held_for:
            return "stopped"
        if self.signal is None or self.signal.tried_at is None:
            return "waiting"
        return "failed" if self.signal.error else "ok"


def standstill(now: datetime) -> str:
    """Return which stage of the watch stands still; '' when all of them work."""
    evaluated_at = queries.evaluated_at()
    if evaluated_at is None or now - evaluated_at > LATE:
        return f"The rules were last judged at {at(evaluated_at)}."
    silences = queries.list_silences(now)
    firing = select(Alert).where(
        Alert.state == AlertState.FIRING, Alert.rule.in_([PROBES_STALE, DELIVERY_FAILING])
    )
    alerts = [alert for alert in db.session.scalars(firing) if not queries.silence_of(alert, silences)]
    for alert in alerts:
        if alert.rule == PROBES_STALE:
            return alert.reason
    due_at = deliveries.oldest_due_at(now)
    if due_at and now - due_at > UNSENT:
        return f"A message has waited for {duration(now - due_at)} and nobody sends it."
    routes = {route.name for route in deliveries.list_routes() if route.is_active}
    if routes and routes <= {alert.subject for alert in alerts}:
        return f"Nothing arrives anywhere: {listed(sorted(routes))}."
    return ""


def read(settings: Settings, now: datetime | None = None) -> Sign:
    """Return how the pings stand. Asks nobody."""
    host = destinations.parse(settings.deadman_url)[1] if settings.deadman_url else ""
    signal = db.session.get(Signal, NAME)
    return Sign(host, signal, standstill(now or datetime.now(UTC)) if host else "")


def ping_if_due(settings: Settings) -> bool:
    """Ping when a minute has passed and all stages work, commit how that went; whether a ping arrived."""
    try:
        return bool(settings.deadman_url) and _ping(settings, datetime.now(UTC))
    except Exception as error:  # noqa: BLE001  # the watch must outlive whatever it meets
        log.warning("deadman_not_sent", error=f"{type(error).__name__}: {error}")
        return False
    finally:
        db.session.remove()


def _ping(settings: Settings, now: datetime) -> bool:
    signal = db.session.get(Signal, NAME) or Signal(name=NAME, error="", held_for="")
    db.session.add(signal)
    reason = standstill(now)
    if reason:
        if not signal.held_for:
            log.warning("deadman_held", reason=reason)
        signal.held_since, signal.held_for = signal.held_since or now, reason[:500]
        db.session.commit()
        return False
    signal.held_since, signal.held_for = None, ""
    if signal.tried_at and now - signal.tried_at < EVERY:
        db.session.commit()
        return False
    signal.tried_at = now
    db.session.commit()  # no transaction stays open while the outside is waited for
    signal.error = _call(settings.deadman_url)
    if not signal.error:
        signal.taken_at = now
    db.session.commit()
    return not signal.error


def _call(url: str) -> str:
    """Return why it did not arrive; '' when it did."""
    try:
        status = outgoing.call(destinations.trust(url), "GET", {"User-Agent": "Steward"})
    except (outgoing.CallError, destinations.RefusedError) as error:
        return str(error)
    except OSError as error:
        return f"Its host cannot be looked up: {error.strerror or 'no such name'}"
    return "" if 200 <= status < 300 else f"It answered with HTTP {status}."
