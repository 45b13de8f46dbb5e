"""The alert over a run of the fleet: it fires when a run is halted or nobody works on it, and clears."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.alerts import service
from dashboard.alerts.models import Alert, AlertState
from dashboard.alerts.registry import Breach, Unknown, Watch, all_conditions
from dashboard.health.service import store_reading
from dashboard.jobs.locks import try_lock
from dashboard.schema_migrations.fleet import queries
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun

RULE = "fleet.run_stands_still"
NOW = datetime.now(UTC)


@pytest.fixture
def run(app: Flask, control: Session) -> FleetRun:
    """A run that changes schemas, begun ten minutes ago."""
    plan = FleetPlan(to_revision="a2", sql_hash="0" * 64, steps=[], actor="dba@example.com")
    control.add(plan)
    control.flush()
    begun = NOW - timedelta(minutes=10)
    run = FleetRun(
        plan_id=plan.id, status="running", actor="dba@example.com", backup_skipped="A test",
        created_at=begun, started_at=begun,
    )  # fmt: skip
    control.add(run)
    control.flush()
    return run


def breaches(now: datetime | None = None) -> list[Breach]:
    answer = all_conditions()[RULE].function(Watch(now or NOW, service.rules()[RULE].threshold()))
    assert not isinstance(answer, Unknown)
    return list(answer)


@pytest.mark.breaks("fleet.run_stands_still")
def test_a_halted_run_fires_and_clears_once_it_is_over(app: Flask, control: Session, run: FleetRun) -> None:
    run.status, run.reason = "halted", "tenant_acme: check constraint is violated"
    control.flush()
    for seconds in (0, 30):
        service.evaluate(NOW + timedelta(seconds=seconds))
    fired = control.scalar(select(Alert).where(Alert.rule == RULE, Alert.subject == f"run {run.id}"))
    assert fired is not None
    assert fired.state == AlertState.FIRING
    assert "tenant_acme: check constraint is violated" in fired.reason
    run.status = "cancelled"
    control.flush()
    for seconds in (60, 130, 200):
        service.evaluate(NOW + timedelta(seconds=seconds))
    left = control.scalars(select(Alert).where(Alert.rule == RULE, Alert.state != AlertState.OK)).all()
    assert left == []


def test_a_run_that_nobody_works_on_is_a_breach_and_a_pause_is_none(control: Session, run: FleetRun) -> None:
    assert "nobody works on it" in breaches()[0].reason
    run.status = "paused"
    control.flush()
    assert breaches() == []


def test_a_run_that_does_not_move_names_who_is_in_the_way(control: Session, run: FleetRun) -> None:
    moved = {"run": run.id, "settled": 3, "total": 9, "moved_at": NOW.isoformat()}
    store_reading(queries.READING, moved | {"waiting": ["worker 1 waits for session 77"]})
    with try_lock(queries.LOCK) as lock:
        assert lock is not None
        assert breaches(NOW + timedelta(minutes=14)) == []
        (found,) = breaches(NOW + timedelta(minutes=17))
    assert "No schema was finished for" in found.reason
    assert "session 77" in found.reason
