"""A KPI that misses its target rings until it meets it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import delete

from dashboard.alerts import queries
from dashboard.kpis.definitions import suppliers
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.refreshing import rebuild
from dashboard.kpis.tenants_view import jobs
from dashboard.kpis.versions import terms
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.health.bell import Bell
from tests.kpis.conftest import Company

RULE = "insights.target_missed"


@pytest.mark.breaks("insights.target_missed")
def test_target_that_is_missed_rings_until_it_is_met_or_lowered(
    app: Flask, acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell(app, monkeypatch)
    now = datetime.now(UTC)
    month = (now.replace(day=1) - timedelta(days=1)).date().replace(day=1)
    assert bell.is_quiet(RULE)
    deliver_late_once_in_two(acme, month, now)
    aim(acme, month, "50")
    jobs.read_tenant(acme, now)
    assert bell.is_quiet(RULE)  # exactly what was set out is no miss
    aim(acme, month, "50.5")
    jobs.read_tenant(acme, now)
    reason = bell.reasons(RULE)["acme"]
    assert "was 50.0" in reason
    assert "instead of 50.5" in reason
    assert f"in {month:%B %Y}" in reason
    assert "(of 2 records)" in reason
    aim(acme, month, "40")
    jobs.read_tenant(acme, now)
    assert bell.is_quiet(RULE)


def test_figures_that_nobody_reads_any_more_are_not_known(
    app: Flask, acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell(app, monkeypatch)
    jobs.read_tenant(acme, datetime.now(UTC) - timedelta(hours=2))
    assert bell.reasons(RULE) == {}
    (alert,) = queries.list_alerts(RULE)
    assert "were last read at" in alert.doubt


def deliver_late_once_in_two(acme: TenantRef, month: date, now: datetime) -> None:
    with use_tenant(acme, actor="test") as session:
        company = Company(session)
        for day, promised in ((10, 10), (20, 11)):
            receipt = company.receive(f"{month:%Y-%m}-{day}T12:00+01:00", 10, "2.50")
            receipt.order.status = "received"
            receipt.lines[0].order_line.promised_on = month.replace(day=promised)
        session.flush()
        rebuild(session, suppliers.DELIVERIES, terms(session, suppliers.DELIVERIES, now))
        session.commit()


def aim(acme: TenantRef, month: date, value: str) -> None:
    with use_tenant(acme, actor="test") as session:
        session.execute(delete(KpiTarget))
        session.add(KpiTarget(code="otif", first_month=month, last_month=month, value=Decimal(value)))
        session.commit()
