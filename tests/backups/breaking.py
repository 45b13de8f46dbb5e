"""Looks at a broken cluster as the probes and the judge do, without waiting for their intervals."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from dashboard.alerts import service as alerts
from dashboard.alerts.models import Alert, AlertState
from dashboard.backups import rpo
from dashboard.backups.barman import Barman
from dashboard.backups.service import barman_of, sync_catalogue
from dashboard.backups.watching import service as watching
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health import refreshing
from dashboard.replication import service as replication


@dataclass
class Sight:
    """Reads the real thing now, and judges it at times of its own: seconds pass as the test says."""

    settings: Settings
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def barman(self) -> Barman:
        """The engine of the cluster's repository."""
        return barman_of(self.settings)

    def read(self) -> None:
        """Let every probe run once."""
        refreshing.refresh_activity(self.settings)
        replication.refresh(self.settings)
        watching.look_at_wal(self.settings)
        rpo.measure(self.settings)

    def read_catalogue(self) -> None:
        """Let the probe of every minute run once."""
        sync_catalogue(self.barman)

    def firing(self, seconds: float = 60) -> dict[str, str]:
        """Read, judge twice with `seconds` between; return the reasons of what fires, by rule.

        A minute is what a breach has to be seen within.
        """
        self.read()
        alerts.evaluate(self.now)
        self.now += timedelta(seconds=seconds)
        alerts.evaluate(self.now)
        query = select(Alert).where(Alert.state == AlertState.FIRING)
        return {alert.rule: alert.reason for alert in db.session.scalars(query)}

    def fires(self, *rules: str) -> bool:
        """Whether all of these fire within a minute."""
        return self.firing().keys() >= set(rules)

    def is_well(self, *rules: str) -> bool:
        """Whether none of these fires any more, a minute after it was mended."""
        return not self.firing(61).keys() & set(rules)
