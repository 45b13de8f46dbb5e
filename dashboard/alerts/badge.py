"""Owns the badge of the frame: how many alerts fire and are not silenced, for people who may see them."""

import time
from dataclasses import dataclass

from flask import current_app, url_for
from sqlalchemy.exc import SQLAlchemyError

from dashboard.alerts import queries
from dashboard.alerts.desk import VIEW
from dashboard.alerts.queries import Firing
from dashboard.core.web import can

LIFETIME = 3.0  # seconds; every page shows it, and all people see the same count
REMEMBERED = "alert_badge"


@dataclass(frozen=True)
class Badge:
    """Where it leads, and what fires."""

    url: str
    firing: Firing

    @property
    def tone(self) -> str:
        """The worst of what fires; ok when nothing does."""
        return "critical" if self.firing.critical else "warning" if self.firing.warning else "ok"

    @property
    def label(self) -> str:
        """What a screen reader says."""
        if not self.firing.total:
            return "Alerts: nothing fires"
        parts = [f"{count} {word}" for word, count in vars(self.firing).items() if count]
        return f"Alerts firing: {', '.join(parts)}"


def read() -> Badge | None:
    """The badge of the current page; none for people who may not see alerts."""
    return Badge(url_for("alerts.page"), _counted()) if can(VIEW) else None


def forget() -> None:
    """Count again for the next page."""
    current_app.extensions.pop(REMEMBERED, None)


def _counted() -> Firing:
    at, firing = current_app.extensions.get(REMEMBERED, (0.0, None))
    if firing is None or time.monotonic() - at > LIFETIME:
        firing = _count()
        current_app.extensions[REMEMBERED] = (time.monotonic(), firing)
    found: Firing = firing
    return found


def _count() -> Firing:
    """On the page of an error the transaction may be broken: then the badge says nothing."""
    try:
        return queries.count_firing()
    except SQLAlchemyError:
        return Firing()
