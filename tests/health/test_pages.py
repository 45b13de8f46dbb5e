"""The pages of the Database desk, from stored readings; they ask no server."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health import refreshing, reviewing, service
from dashboard.health.models import Reading
from dashboard.health.queries import list_readings
from dashboard.health.server.refreshing import refresh_certificates
from dashboard.health.storage.refreshing import refresh_bloat, refresh_storage
from dashboard.metrics.service import record

PAGES = (
    "/database/",
    "/database/health",
    "/database/queries/",
    "/database/activity",
    "/database/tables",
    "/database/server",
    "/database/services",
    "/database/replication",
    "/database/backups/",
    "/database/migrations/",
)
Login = Callable[..., FlaskClient]


@pytest.fixture
def read(app: Flask, control: Session, settings: Settings) -> None:
    """Let every probe of the health page have run."""
    refreshing.refresh_minute(settings, None)
    refreshing.refresh_activity(settings)
    refreshing.refresh_statements(settings)
    refreshing.refresh_inventory(settings)
    refresh_storage(settings)
    refresh_bloat(settings)
    refresh_certificates(settings)
    control.commit()


@pytest.mark.parametrize("page", PAGES)
def test_page_answers_a_dba_before_anything_was_read(page: str, login: Login) -> None:
    answer = login("dba").get(page)
    assert answer.status_code == 200
    assert "not been read yet" in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_page_is_closed_to_staff(page: str, login: Login) -> None:
    assert login("staff", tenant="acme").get(page).status_code == 403


def test_overview_shows_a_card_for_every_part(read: None, login: Login) -> None:
    html = login("dba").get("/database/").text
    for title in ("ERP primary", "Replication", "Backups", "Migrations", "Broker", "Cache", "Disk"):
        assert f">{title}</a>" in html


SHOWN = {
    "/database/health": ("Why it matters", "Connections", "Transactions left", "Checkpoints", "Processor"),
    "/database/activity": ("Who blocks whom", "Who holds vacuum back", "Under way", "Reading this took"),
    "/database/server": (
        "uuid-ossp",
        "max_connections",
        "Changes of settings",
        "Server log",
        "On the machine",
    ),
    "/database/services": ("Append-only file", "Round trip", "STEWARD_PGBOUNCER_URL", "its WAL"),
}


@pytest.mark.parametrize("page", SHOWN)
def test_page_shows_what_was_read(page: str, read: None, login: Login) -> None:
    html = login("dba").get(page).text
    assert "steward_monitor" not in html  # the probe does not count itself
    for words in SHOWN[page]:
        assert words in html


def test_old_readings_are_called_stale(read: None, control: Session, login: Login) -> None:
    control.execute(update(Reading).values(taken_at=datetime.now(UTC) - timedelta(hours=2)))
    control.commit()
    browser = login("dba")
    assert "These figures are old" in browser.get("/database/health").text
    assert "Stale" in browser.get("/database/").text
    findings = reviewing.list_findings(list_readings(reviewing.ALL))
    assert {finding.level for finding in findings} >= {"warning"}


def test_dead_primary_is_said_with_the_last_figures_below(read: None, control: Session, login: Login) -> None:
    service.store_reading(refreshing.ACTIVITY, {}, "connection refused", every=10)
    control.commit()
    browser = login("dba")
    html = browser.get("/database/health").text
    assert "The ERP primary does not answer." in html
    assert "connection refused" in html
    assert "the last that was read" in html
    assert "does not answer: connection refused" in browser.get("/database/").text


def test_span_of_the_charts_is_chosen_by_name(app: Flask) -> None:
    assert reviewing.span_of("24h") == timedelta(hours=24)
    assert reviewing.span_of("nonsense") == timedelta(hours=1)


def test_chart_begins_with_its_first_sample(app: Flask, control: Session) -> None:
    record({"test.tps": 5.0}, at=datetime.now(UTC) - timedelta(minutes=10))
    record({"test.tps": 7.0}, at=datetime.now(UTC) - timedelta(seconds=1))
    chart = reviewing.time_chart("Test", {"test.tps": "Per second"}, span=timedelta(hours=1))
    values = list(chart.series[0].values)
    known = {place: value for place, value in enumerate(values) if value is not None}
    assert list(known.values()) == [5.0, 7.0]
    assert min(known) == 0
    assert len(values) - max(known) <= 2  # the point that has begun since the last sample is a gap
    assert reviewing.time_chart("Empty", {"test.nothing": "x"}, span=timedelta(hours=1)).is_empty


@pytest.mark.parametrize("page", PAGES)
def test_page_reads_the_control_database_only(
    page: str, read: None, registry_kept: None, login: Login
) -> None:
    """With the ERP gone the page is the same: nothing on it asks the ERP."""
    browser, asked = login("dba"), []
    browser.get(page)  # the registry of tenants is remembered

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    for name in (None, "owner", "monitor"):
        event.listen(db.engines[name], "before_cursor_execute", note)
    try:
        assert browser.get(page).status_code == 200
    finally:
        for name in (None, "owner", "monitor"):
            event.remove(db.engines[name], "before_cursor_execute", note)
    assert asked == []
