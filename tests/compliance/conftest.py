"""The world of promises: nothing read and nothing proven, until a test says so."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.alerts.deliveries.models import Delivery, Route
from dashboard.alerts.models import Alert, AlertEvent, Signal
from dashboard.backups.copies.models import BackupCopy
from dashboard.backups.drills.models import Drill, Verification
from dashboard.backups.models import Backup
from dashboard.compliance.models import PromiseChange, PromiseStanding
from dashboard.core.config import Settings
from dashboard.failover.models import Rehearsal as Failover
from dashboard.health.models import Reading
from dashboard.jobs.models import ScheduleState
from dashboard.replication.models import DurabilityLoss
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun
from dashboard.schema_migrations.rehearsal.models import Rehearsal
from dashboard.settings.models import Setting
from dashboard.tenants.rewinding.models import Rewind
from tests.compliance.world import World
from tests.conftest import Servers

LEFT = (
    *(AlertEvent, Alert, Delivery, Route, Signal, Reading, BackupCopy, Verification, Drill, Backup, Failover),
    *(Rehearsal, FleetRun, FleetPlan, DurabilityLoss, Rewind, ScheduleState, Setting),
    *(PromiseChange, PromiseStanding),
)


@pytest.fixture
def world(
    app: Flask,
    control: Session,
    settings: Settings,
    servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """Begin with an empty memory; all is rolled back afterwards, and the servers are put right."""
    for model in LEFT:
        control.execute(delete(model))
    url = servers.postgres.url("postgres").rpartition("/")[0]
    with ExitStack() as stack:
        yield World(app, control, settings, url, monkeypatch, stack)
