"""The real thing, broken: what the probe says of each standby."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.replication import reviewing, service
from dashboard.replication.judging import StandbyState
from dashboard.replication.probes import read_primary
from dashboard.servers import free_port
from dashboard.stack.layout import ERP_DATABASE
from tests.cluster import Cluster, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]


@pytest.fixture
def observed(whole_cluster: Cluster, settings: Settings) -> Settings:
    return whole_cluster.settings(settings)


def look(observed: Settings) -> dict[str, StandbyState]:
    found = service.observe(observed.database_monitor_url, observed.standbys)
    return {standby.name: standby for standby in found.standbys}


def test_healthy_standbys_stream_through_their_own_slots(observed: Settings) -> None:
    found = look(observed)
    assert {name: row.state for name, row in found.items()} == {"az-b": "streaming", "dr": "streaming"}
    assert found["dr"].slot is not None
    assert found["dr"].slot.active
    assert found["dr"].receiver is not None
    assert found["dr"].replay_bytes is not None
    assert (found["dr"].zone, found["dr"].region) == ("a", "far")


def test_idle_standby_has_no_recent_traffic_instead_of_zero_lag(observed: Settings) -> None:
    """replay_lag is NULL a while after the last write."""
    wait_until(lambda: look(observed)["dr"].replay_seconds is None, 30)


def test_stopped_standby_is_missing_within_15_seconds_and_not_at_zero(
    whole_cluster: Cluster, observed: Settings
) -> None:
    whole_cluster.standby("dr").stop()
    wait_until(lambda: look(observed)["dr"].state == "missing", 15)
    found = look(observed)
    assert found["dr"].level == "critical"
    assert found["dr"].replay_bytes is None
    assert found["dr"].slot is not None
    assert not found["dr"].slot.active
    assert found["az-b"].state == "streaming"


def test_paused_replay_is_told_from_streaming(whole_cluster: Cluster, observed: Settings) -> None:
    whole_cluster.sql("SELECT pg_wal_replay_pause()", on="az-b")
    wait_until(lambda: look(observed)["az-b"].state == "paused", 15)
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS noise (t text)")
    whole_cluster.sql("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
    wait_until(lambda: (look(observed)["az-b"].replay_bytes or 0) > 1_000_000, 15)
    assert any("paused" in note for note in look(observed)["az-b"].notes)


@pytest.fixture
def cut_off(whole_cluster: Cluster) -> Iterator[None]:
    """Let `dr` look for its primary at a port where nobody is."""
    original = whole_cluster.sql("SHOW primary_conninfo", on="dr")
    elsewhere = original.replace(f"port={whole_cluster.layout.erp.port}", f"port={free_port()}")
    assert elsewhere != original
    _set_primary(whole_cluster, elsewhere)
    yield
    _set_primary(whole_cluster, original)


def _set_primary(cluster: Cluster, conninfo: str) -> None:
    quoted = conninfo.replace("'", "''")
    cluster.sql(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'", on="dr")
    cluster.sql("SELECT pg_reload_conf()", on="dr")


def test_standby_cut_off_from_its_primary_is_behind_although_it_replayed_all_it_got(
    cut_off: None, whole_cluster: Cluster, observed: Settings
) -> None:
    wait_until(lambda: look(observed)["dr"].state == "receiver_gone", 20)
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS noise (t text)")
    whole_cluster.sql("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
    found = look(observed)["dr"]
    assert found.level == "critical"
    assert (found.replay_bytes or 0) > 1_000_000


def test_standby_with_another_name_does_not_stand_in_for_the_expected_one(observed: Settings) -> None:
    renamed = observed.standbys[0].model_copy(update={"name": "az-c", "url": observed.standbys[0].url})
    nowhere = renamed.model_copy(update={"url": f"postgresql://x@127.0.0.1:{free_port()}/x"})
    found = service.observe(observed.database_monitor_url, (renamed, nowhere))
    assert [row.state for row in found.standbys] == ["receiver_gone", "missing"]
    assert "az-b" in {sender.name for sender in found.others}


def test_standby_answers_as_primary_are_refused(whole_cluster: Cluster, observed: Settings) -> None:
    with pytest.raises(ProbeError, match="recovery is in progress"):
        read_primary(observed.standbys[0].url)


def test_frozen_commits_are_counted_and_explained(
    whole_cluster: Cluster, observed: Settings, app: Flask, control: Session
) -> None:
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS noise (t text)")
    whole_cluster.standby("az-b").stop()
    whole_cluster.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"az-b\")'")
    whole_cluster.sql("SELECT pg_reload_conf()")
    writer = threading.Thread(target=_insert, args=(whole_cluster,))
    try:
        writer.start()
        wait_until(lambda: _frozen(observed) == 1, 15)
        expected = tuple(site.model_copy(update={"mode": "sync"}) for site in observed.standbys[:1])
        service.refresh(observed.model_copy(update={"standbys": expected}))
        reading = get_reading(service.READING)
        assert reading is not None
        sentence = reviewing.explain_frozen(reading.values)
        assert sentence.startswith("1 commit waits for az-b")
        assert reviewing.card().status == "critical"
    finally:
        whole_cluster.sql("ALTER SYSTEM RESET synchronous_standby_names")
        whole_cluster.sql("SELECT pg_reload_conf()")
        writer.join(20)


def _insert(cluster: Cluster) -> None:
    with closing(psycopg2.connect(cluster.layout.erp.url(ERP_DATABASE))) as link, link.cursor() as at:
        at.execute("INSERT INTO noise VALUES ('waits')")
        link.commit()


def _frozen(observed: Settings) -> int:
    found = service.observe(observed.database_monitor_url, ()).frozen
    return found.commits if found else 0


def test_killed_primary_leaves_the_standbys_story_and_the_last_position(
    whole_cluster: Cluster, observed: Settings, app: Flask, control: Session
) -> None:
    service.refresh(observed)
    whole_cluster.layout.erp.kill()
    wait_until(lambda: look(observed)["dr"].state == "receiver_gone", 20)
    began = time.monotonic()
    states = service.refresh(observed)
    assert time.monotonic() - began < 8
    assert states == {"az-b": "receiver_gone", "dr": "receiver_gone"}
    reading = get_reading(service.READING)
    assert reading is not None
    assert reading.values["primary"] is None
    assert reading.values["last_primary"]["lsn"]
    card = reviewing.card()
    assert (card.status, card.headline) == ("critical", "The primary does not answer")


def test_missing_standby_remembers_when_it_was_last_there(
    whole_cluster: Cluster, observed: Settings, app: Flask, control: Session
) -> None:
    service.refresh(observed)
    whole_cluster.standby("dr").stop()
    wait_until(lambda: service.refresh(observed)["dr"] == "missing", 15)
    reading = get_reading(service.READING)
    assert reading is not None
    row = next(row for row in reading.values["standbys"] if row["name"] == "dr")
    assert row["last_seen_at"] is not None
    assert "dr is missing" in reviewing.card().text


def test_promoted_standby_is_an_alarm(observed: Settings, whole_cluster: Cluster) -> None:
    primary = observed.standbys[1].model_copy(update={"name": "dr", "url": observed.database_monitor_url})
    found = service.observe(observed.database_monitor_url, (primary,))
    assert found.standbys[0].state == "promoted"
    assert found.standbys[0].level == "critical"
