"""Probes of the real servers of the tests, and what is kept of them."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.health import probes, queries, refreshing, service
from dashboard.health.connection import ProbeError, libpq_url, one_line, probe_connection
from dashboard.health.models import thaw
from dashboard.health.redis_probes import read_redis
from dashboard.servers import free_port
from tests.cluster import wait_until
from tests.conftest import Servers


@pytest.fixture
def away(settings: Settings) -> Settings:
    """Settings that lead to ports where nobody is."""
    nowhere = f"postgresql://u@127.0.0.1:{free_port()}/d"
    redis = f"redis://127.0.0.1:{free_port()}/0"
    return settings.model_copy(
        update={"database_monitor_url": nowhere, "broker_url": redis, "cache_url": redis}
    )


def test_activity_is_read_by_the_monitor_login(settings: Settings) -> None:
    found = probes.read_activity(settings.database_monitor_url)
    assert found.server.max_connections == 150
    assert found.counters is not None
    assert found.counters.commits > 0
    assert found.archiver is not None


def test_waiting_session_names_its_blocker(settings: Settings, servers: Servers) -> None:
    url = servers.postgres.url("erp_test")
    with closing(psycopg2.connect(url)) as holder, closing(psycopg2.connect(url)) as waiter:
        holder.cursor().execute("SELECT pg_advisory_xact_lock(4711)")
        waiting = threading.Thread(
            target=waiter.cursor().execute, args=("SELECT pg_advisory_xact_lock(4711)",)
        )
        waiting.start()
        try:
            wait_until(lambda: probes.read_activity(settings.database_monitor_url).waits, 10)
            found = probes.read_activity(settings.database_monitor_url)
            assert holder.info.backend_pid in found.waits[0].blocked_by
            assert holder.info.backend_pid in {row.pid for row in found.transactions}
        finally:
            holder.rollback()
            waiting.join(10)


def test_inventory_names_wanted_extensions_and_their_state(settings: Settings) -> None:
    found = probes.read_inventory(settings.database_monitor_url)
    extensions = {row.name: row for row in found.extensions}
    assert extensions["pg_stat_statements"].installed
    assert set(probes.WANTED_EXTENSIONS) <= extensions.keys()
    assert {row.name for row in found.settings} >= {"wal_level", "max_connections"}
    assert found.totals is not None
    assert found.totals.database_bytes > 0


def test_probe_may_not_write_and_may_not_take_long(settings: Settings) -> None:
    with pytest.raises(ProbeError, match="read-only"), probe_connection(settings.database_url) as link:
        link.cursor().execute("CREATE TABLE public.nothing ()")
    with (
        pytest.raises(ProbeError, match="statement timeout"),
        probe_connection(settings.database_monitor_url, statement_ms=100) as link,
    ):
        link.cursor().execute("SELECT pg_sleep(5)")


def test_redis_tells_memory_keys_and_append_only_file(settings: Settings) -> None:
    found = read_redis(settings.broker_url)
    assert found.used_bytes > 0
    assert found.append_only
    assert found.append_only_ok


def test_failed_probe_keeps_the_last_data_and_says_why(
    app: Flask, control: Session, settings: Settings, away: Settings
) -> None:
    assert refreshing.refresh_activity(settings) == {}
    first = queries.get_reading(refreshing.ACTIVITY)
    assert first is not None
    assert not first.is_failing
    taken = first.taken_at
    failed = refreshing.refresh_activity(away)
    assert set(failed) == {refreshing.ACTIVITY, refreshing.BROKER, refreshing.CACHE}
    again = queries.get_reading(refreshing.ACTIVITY)
    assert again is not None
    assert again.is_failing
    assert "refused" in again.error
    assert again.taken_at == taken
    assert again.values["server"]["clock_at"].tzinfo is not None


def test_first_minute_also_reads_the_inventory(app: Flask, control: Session, settings: Settings) -> None:
    refreshing.refresh_statements(settings)
    inventory = queries.get_reading(refreshing.INVENTORY)
    assert inventory is not None
    assert inventory.data["extensions"]
    assert refreshing.refresh_inventory(settings) == {}


def test_unreadable_folder_is_a_failed_reading(app: Flask, control: Session, settings: Settings) -> None:
    lost = settings.model_copy(update={"home": settings.home / "nowhere"})
    assert "nowhere" in refreshing.refresh_activity(lost)[refreshing.DISK]


def test_reading_is_stale_after_three_intervals(app: Flask, control: Session) -> None:
    service.store_reading("test.key", {"a": 1}, every=10)
    reading = queries.get_reading("test.key")
    assert reading is not None
    assert reading.taken_at is not None
    seen = []
    for seconds in (0, 31):
        reading.taken_at -= timedelta(seconds=seconds)
        seen.append((reading.is_stale, (reading.age_seconds or 0) > 30))
    assert seen == [(False, False), (True, True)]


def test_reading_that_never_worked_is_stale_and_has_no_age(app: Flask, control: Session) -> None:
    service.store_reading("test.never", {}, "no route", every=10)
    reading = queries.get_reading("test.never")
    assert reading is not None
    assert reading.is_stale
    assert reading.age_seconds is None
    assert reading.data == {}
    assert queries.list_readings(["test.never", "other"]).keys() == {"test.never"}


def test_times_survive_json() -> None:
    assert thaw({"seen_at": "2026-01-01T00:00:00+00:00", "list": [{"x_at": None}], "n": 1}) == {
        "seen_at": datetime(2026, 1, 1, tzinfo=UTC),
        "list": [{"x_at": None}],
        "n": 1,
    }


def test_error_is_one_line_and_urls_lose_the_driver() -> None:
    assert one_line(ValueError("\n first \n second")) == "first"
    assert one_line(ValueError("")) == "ValueError"
    assert libpq_url("postgresql+psycopg2://a@b/c") == "postgresql://a@b/c"
