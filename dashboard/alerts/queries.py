"""Reads alerts and what became of them; only the control database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from dashboard.alerts.models import Alert, AlertEvent, AlertState
from dashboard.core.db import db

EVENT_ROWS = 200


@dataclass(frozen=True)
class Firing:
    """How many alerts fire, by severity."""

    critical: int = 0
    warning: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.critical + self.warning


def count_firing() -> Firing:
    """Count what fires."""
    query = (
        select(Alert.severity, func.count())
        .where(Alert.state == AlertState.FIRING, Alert.state != AlertState.OK)  # the latter is the index's
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
