"""The whole cluster as the probes see it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.alerts import service as alerts
from dashboard.alerts.queries import list_alerts
from dashboard.core.config import Settings
from dashboard.replication import service
from tests.cluster import Cluster


@pytest.fixture
def observed(whole_cluster: Cluster, settings: Settings) -> Settings:
    """Settings whose servers are those of the cluster, the owner's login too."""
    direct = whole_cluster.layout.erp_urls()["DATABASE_DIRECT_URL"]
    return whole_cluster.settings(settings).model_copy(update={"database_direct_url": direct})


@dataclass
class Judge:
    """Reads replication and judges the rules at times of its own: seconds pass as the test says."""

    settings: Settings
    patch: pytest.MonkeyPatch
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def limit(self, rule: str, value: float) -> None:
        """Set a rule's limit so low that a test can pass it."""
        self.patch.setitem(alerts.rules(), rule, replace(alerts.rules()[rule], limit=value))

    def firing(self, rule: str, seconds: float = 60) -> dict[str, str]:
        """Read, judge twice with `seconds` between, and return the reasons of one rule by subject."""
        service.refresh(self.settings)
        alerts.evaluate(self.now)
        self.now += timedelta(seconds=seconds)
        alerts.evaluate(self.now)
        return {row.subject: row.reason for row in list_alerts(rule) if row.state == "firing"}

    def is_well(self, rule: str) -> bool:
        """Whether a rule does not fire any more, a minute after it was mended."""
        return not self.firing(rule, 61)


@pytest.fixture
def judge(observed: Settings, app: Flask, control: Session, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Somebody who judges the cluster."""
    return Judge(observed, monkeypatch)


@pytest.fixture
def noisy(whole_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with a table to write to, in a schema called like a tenant's."""
    whole_cluster.sql("CREATE SCHEMA IF NOT EXISTS tenant_noise")
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS tenant_noise.noise (t text)")
    yield whole_cluster
    whole_cluster.sql("DROP SCHEMA tenant_noise CASCADE")
