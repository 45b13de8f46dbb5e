"""Moves the state of one alert: ok → pending → firing → ok. Pure: values in, changes of one row out.

What comes and goes is held firing: after FLAPS firings within FLAP_WINDOW it clears only when it has stayed
well for STEADY, so that it wakes people once and not all night.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.alerts.models import Alert, AlertState
from dashboard.alerts.registry import Unknown

FLAPS = 3  # firings, this one among them: five changes of state
FLAP_WINDOW = timedelta(minutes=30)
STEADY = timedelta(minutes=15)


@dataclass(frozen=True)
class Patience:
    """How long a breach must last before it fires, and be gone before it clears."""

    before_firing: timedelta
    before_clearing: timedelta


def see_breach(alert: Alert, reason: str, patience: Patience, now: datetime) -> bool:
    """Take a breach into account; return whether the state changed."""
    _know(alert)
    before = alert.state
    alert.reason, alert.mending_at = reason, None
    if alert.state == AlertState.OK:
        forget_acknowledgement(alert)  # one that came while the last breach was just clearing
        alert.breached_at = now
        _enter(alert, AlertState.PENDING, now)
    has_lasted = alert.breached_at is not None and now - alert.breached_at >= patience.before_firing
    if alert.state == AlertState.PENDING and has_lasted:
        _enter(alert, AlertState.FIRING, now)
        alert.fired_at = now
    return alert.state != before


def see_nothing(alert: Alert, patience: Patience, now: datetime) -> bool:
    """Take into account that there is no breach; return whether the state changed.

    What only waited is over at once; what fires must stay well for a while, or it would flap.
    """
    _know(alert)
    if alert.state == AlertState.OK:
        return False
    alert.mending_at = alert.mending_at or now
    if alert.state == AlertState.FIRING and now - alert.mending_at < before_clearing(alert, patience):
        return False
    if alert.state == AlertState.FIRING:
        alert.cleared_at = now
    alert.mending_at = alert.breached_at = alert.flapping_since = None
    forget_acknowledgement(alert)
    _enter(alert, AlertState.OK, now)
    return True


def before_clearing(alert: Alert, patience: Patience) -> timedelta:
    """Return how long it must stay well."""
    return max(STEADY, patience.before_clearing) if alert.flapping_since else patience.before_clearing


def see_flapping(alert: Alert, firings: int, now: datetime) -> bool:
    """Take into account how often it fired lately; return whether it has begun to flap."""
    if alert.flapping_since or firings < FLAPS:
        return False
    alert.flapping_since = now
    return True


def forget_acknowledgement(alert: Alert) -> None:
    """Nobody has it in hand any more."""
    alert.acknowledged_at, alert.acknowledged_by, alert.acknowledged_note = None, "", ""


def see_no_answer(alert: Alert, unknown: Unknown, now: datetime) -> None:
    """Keep the state: not knowing is neither a breach nor its end."""
    alert.unknown_at = alert.unknown_at or unknown.since or now
    alert.doubt = unknown.reason
    alert.mending_at = None


def _know(alert: Alert) -> None:
    alert.unknown_at, alert.doubt = None, ""


def _enter(alert: Alert, state: AlertState, now: datetime) -> None:
    alert.state, alert.since = state, now
