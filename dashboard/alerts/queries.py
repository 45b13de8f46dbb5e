"""Reads alerts and what became of them; only the control database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, case, exists, func, or_, select

from dashboard.alerts.models import Alert, AlertEvent, AlertState, Silence
from dashboard.core.db import db

EVENT_ROWS = 200
SHOWN_AFTERWARDS = timedelta(days=30)  # silences that are over


@dataclass(frozen=True)
class Firing:
    """How many alerts fire, by severity."""

    critical: int = 0
    warning: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.critical + self.warning


def count_firing(now: datetime | None = None) -> Firing:
    """Count what fires and is not silenced."""
    hidden = exists().where(
        _holds(now or datetime.now(UTC)),
        or_(Silence.rule == "", Silence.rule == Alert.rule),
        or_(Silence.subject.is_(None), Silence.subject == Alert.subject),
    )
    query = (
        select(Alert.severity, func.count())
        # what is not ok is the index's
        .where(Alert.state == AlertState.FIRING, Alert.state != AlertState.OK, ~hidden)
        .group_by(Alert.severity)
    )
    return Firing(**{row[0]: row[1] for row in db.session.execute(query)})


def list_alerts(rule: str = "") -> list[Alert]:
    """Return alerts, firing before pending, critical before warning, the newest first."""
    state = case((Alert.state == AlertState.FIRING, 0), (Alert.state == AlertState.PENDING, 1), else_=2)
    query = select(Alert).order_by(state, Alert.severity, Alert.breached_at.desc(), Alert.rule, Alert.subject)
    return list(db.session.scalars(query.where(Alert.rule == rule) if rule else query))


def evaluated_at() -> datetime | None:
    """Return when the rules were last judged; None when they never were."""
    at: datetime | None = db.session.scalar(select(func.max(Alert.checked_at)))
    return at


def list_events(since: datetime, *, rule: str = "", limit: int | None = EVENT_ROWS) -> list[AlertEvent]:
    """Return changes of state since a moment, the newest first."""
    query = select(AlertEvent).where(AlertEvent.at >= since)
    if rule:
        query = query.where(AlertEvent.rule == rule)
    return list(db.session.scalars(query.order_by(AlertEvent.at.desc(), AlertEvent.id.desc()).limit(limit)))


def find_alert(rule: str, subject: str, *, lock: bool = False) -> Alert | None:
    """Return one alert; with `lock` nobody else moves it until the transaction ends."""
    return db.session.get(Alert, (rule, subject), with_for_update=lock or None)


def list_silences(now: datetime) -> list[Silence]:
    """Return the silences in force."""
    return list(db.session.scalars(select(Silence).where(_holds(now)).order_by(Silence.ends_at)))


def list_all_silences(now: datetime) -> list[Silence]:
    """Return silences in force, ahead, and over for less than a month; the last to end first."""
    over_at = func.least(Silence.ends_at, func.coalesce(Silence.ended_at, Silence.ends_at))
    query = select(Silence).where(over_at > now - SHOWN_AFTERWARDS)
    return list(db.session.scalars(query.order_by(over_at.desc(), Silence.id.desc())))


def silence_of(alert: Alert, silences: Sequence[Silence]) -> Silence | None:
    """Return the silence that hides an alert the longest; None when nothing does."""
    covering = [silence for silence in silences if silence.covers(alert.rule, alert.subject)]
    return max(covering, key=lambda silence: silence.over_at, default=None)


def _holds(now: datetime) -> ColumnElement[bool]:
    not_ended = or_(Silence.ended_at.is_(None), Silence.ended_at > now)
    return (Silence.starts_at <= now) & (Silence.ends_at > now) & not_ended
