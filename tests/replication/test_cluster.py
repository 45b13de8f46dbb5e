"""The real thing, broken: what the probe says of each standby, and how soon."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event

import psutil
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.replication import reviewing, service, settings_review
from dashboard.replication.judging import StandbyState
from dashboard.replication.probes import read_primary
from dashboard.servers import free_port
from tests.cluster import Cluster, streaming, wait_until
from tests.replication.conftest import Judge

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]
WITHIN = 15  # seconds in which the probe names what is broken
BULK = "INSERT INTO tenant_noise.noise SELECT repeat('x', 1000) FROM generate_series(1, 5000)"


def look(observed: Settings) -> dict[str, StandbyState]:
    found = service.observe(observed)
    return {standby.name: standby for standby in found.standbys}


def test_healthy_standbys_stream_through_their_own_slots(app: Flask, observed: Settings) -> None:
    found = service.observe(observed)
    rows = {row.name: row for row in found.standbys}
    assert {name: row.state for name, row in rows.items()} == {"az-b": "streaming", "dr": "streaming"}
    assert (found.primary_name, found.zone, found.writers) == ("az-a", "a", ["az-a"])
    assert rows["dr"].slot is not None
    assert (rows["dr"].slot.active, rows["dr"].slot.reader) == (True, "dr")
    assert rows["dr"].receiver is not None
    assert found.primary is not None
    assert rows["dr"].timeline == found.primary.timeline
    assert (rows["dr"].zone, rows["dr"].region, rows["dr"].level) == ("a", "far", "ok")


def test_idle_standby_has_no_recent_traffic_and_no_lag(app: Flask, observed: Settings) -> None:
    """replay_lag is NULL a while after the last write; the age of the last transaction would grow."""
    wait_until(lambda: all(row.replay_seconds is None for row in look(observed).values()), 30)
    service.refresh(observed)
    reading = get_reading(service.READING)
    assert reading is not None
    for row in reading.values["standbys"]:
        assert (row["state"], row["level"], row["replay_seconds"]) == ("streaming", "ok", None)
        assert row["replay_bytes"] < 100_000


def test_stopped_standby_is_missing_within_15_seconds_and_not_at_zero(
    whole_cluster: Cluster, observed: Settings, app: Flask, control: Session
) -> None:
    service.refresh(observed)
    whole_cluster.standby("dr").stop()
    wait_until(lambda: service.refresh(observed)["dr"] == "missing", WITHIN)
    found = look(observed)
    assert (found["dr"].level, found["dr"].replay_bytes) == ("critical", None)
    assert found["dr"].slot is not None
    assert not found["dr"].slot.active
    assert found["az-b"].state == "streaming"
    reading = get_reading(service.READING)
    assert reading is not None
    row = next(row for row in reading.values["standbys"] if row["name"] == "dr")
    assert row["last_seen_at"] is not None
    assert "dr is missing" in reviewing.card().text


@pytest.mark.breaks("replication.stuck_behind", "replication.bytes_behind")
def test_paused_replay_is_told_from_streaming_with_the_age_of_what_it_shows(
    noisy: Cluster, observed: Settings, judge: Judge
) -> None:
    service.refresh(observed)
    noisy.sql("SELECT pg_wal_replay_pause()", on="az-b")
    wait_until(lambda: service.refresh(observed)["az-b"] == "paused", WITHIN)
    noisy.sql(BULK)
    wait_until(lambda: (look(observed)["az-b"].replay_bytes or 0) > 1_000_000, WITHIN)
    assert any("paused" in note for note in look(observed)["az-b"].notes)
    for _ in range(2):
        service.refresh(observed)
    reading = get_reading(service.READING)
    assert reading is not None
    row = next(row for row in reading.values["standbys"] if row["name"] == "az-b")
    assert row["is_moving"] is False
    assert 0 < row["late_seconds"] < 60
    rules = ("replication.stuck_behind", "replication.bytes_behind")
    for rule in rules:
        assert judge.firing(rule) == {}
        judge.limit(rule, 1_000_000)
        assert "does not get any further" in judge.firing(rule)["az-b"]
    noisy.sql("SELECT pg_wal_replay_resume()", on="az-b")
    wait_until(lambda: (look(observed)["az-b"].replay_bytes or 0) < 1_000_000, WITHIN)
    assert all(judge.is_well(rule) for rule in rules)


@pytest.mark.breaks("replication.lagging", "replication.far_behind")
def test_standby_that_applies_late_streams_and_is_behind_in_seconds(noisy: Cluster, judge: Judge) -> None:
    rules = ("replication.lagging", "replication.far_behind")
    for rule in rules:
        judge.limit(rule, 0.5)
    noisy.sql("ALTER SYSTEM SET recovery_min_apply_delay = '1500ms'", on="dr")
    noisy.sql("SELECT pg_reload_conf()", on="dr")
    try:
        with _written_to(noisy):
            for rule in rules:
                wait_until(partial(judge.firing, rule), WITHIN)
            assert look(judge.settings)["dr"].state == "streaming"
    finally:
        noisy.sql("ALTER SYSTEM RESET recovery_min_apply_delay", on="dr")
        noisy.sql("SELECT pg_reload_conf()", on="dr")
    wait_until(lambda: (look(judge.settings)["dr"].replay_seconds or 0) < 0.5, WITHIN)
    assert all(judge.is_well(rule) for rule in rules)


@contextmanager
def _written_to(cluster: Cluster) -> Iterator[None]:
    """Write a row five times a second: what is written is applied late, what is not written is no lag."""
    enough = Event()

    def write() -> None:
        while not enough.wait(0.2):
            cluster.sql("INSERT INTO tenant_noise.noise VALUES ('late')")

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            yield
        finally:
            enough.set()
            writer.result()


def test_frozen_receiver_is_cut_off_although_it_says_streaming(
    noisy: Cluster, observed: Settings, app: Flask
) -> None:
    """SIGSTOP: at first the primary still shows the connection, then it gives it up."""
    pid = noisy.sql("SELECT pid FROM pg_stat_wal_receiver", on="dr")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: look(observed)["dr"].state == "cut_off", WITHIN)
        wait_until(lambda: "dr" not in streaming(noisy), WITHIN)
        noisy.sql(BULK)
        found = look(observed)["dr"]
        assert (found.state, found.level) == ("cut_off", "critical")
        assert (found.replay_bytes or 0) > 1_000_000
        assert found.receiver is not None
        assert found.receiver.status == "streaming"  # what it would say of itself
    finally:
        os.kill(pid, signal.SIGCONT)


def test_frozen_server_is_named_within_15_seconds(
    whole_cluster: Cluster, observed: Settings, app: Flask, control: Session
) -> None:
    """SIGSTOP of every process of it: it neither answers nor closes its connections."""
    service.refresh(observed)
    processes = all_of(whole_cluster, "dr")
    for process in processes:
        process.suspend()
    try:
        wait_until(lambda: service.refresh(observed)["dr"] in {"cut_off", "missing"}, WITHIN)
        assert look(observed)["az-b"].state == "streaming"
    finally:
        for process in processes:
            process.resume()


def all_of(cluster: Cluster, name: str) -> list[psutil.Process]:
    postmaster = psutil.Process(cluster.standby(name).pid)
    return [postmaster, *postmaster.children()]


@pytest.mark.breaks("replication.slot_dropped")
def test_dropped_slot_is_named_and_made_again(
    whole_cluster: Cluster, observed: Settings, judge: Judge
) -> None:
    whole_cluster.standby("dr").stop()
    wait_until(lambda: "dr" not in streaming(whole_cluster), 10)
    whole_cluster.sql("SELECT pg_drop_replication_slot('dr')")
    try:
        whole_cluster.standby("dr").start()
        wait_until(lambda: look(observed)["dr"].state == "slot_gone", WITHIN)
        found = look(observed)["dr"]
        assert (found.level, found.slot, found.slot_name) == ("critical", None, "dr")
        assert "which asks for it: it gets no WAL" in judge.firing("replication.slot_dropped")["dr"]
    finally:
        whole_cluster.sql("SELECT pg_create_physical_replication_slot('dr', true)")
    wait_until(lambda: look(observed)["dr"].state == "streaming", WITHIN)
    assert judge.is_well("replication.slot_dropped")


@pytest.mark.breaks("replication.slot_idle")
def test_slot_that_nobody_reads_for_half_an_hour(whole_cluster: Cluster, judge: Judge) -> None:
    whole_cluster.sql("SELECT pg_create_physical_replication_slot('left_behind', true)")
    try:
        assert judge.firing("replication.slot_idle", 1700) == {}
        said = judge.firing("replication.slot_idle", 200)
        assert said["left_behind"].startswith("Nobody has read the slot left_behind since")
    finally:
        whole_cluster.sql("SELECT pg_drop_replication_slot('left_behind')")
    assert judge.is_well("replication.slot_idle")


@pytest.mark.breaks("replication.settings_wrong")
def test_setting_that_is_wrong_on_one_server(whole_cluster: Cluster, judge: Judge) -> None:
    def change(statement: str, level: str) -> None:
        whole_cluster.sql(f"ALTER SYSTEM {statement}", on="dr")
        whole_cluster.sql("SELECT pg_reload_conf()", on="dr")
        wait_until(lambda: settings_review.review(judge.settings)["dr"] == level, 5)

    try:
        change("SET wal_keep_size = 0", "warning")
        assert judge.firing("replication.settings_wrong") == {"dr": "On dr: wal_keep_size."}
    finally:
        change("RESET wal_keep_size", "ok")
    assert judge.is_well("replication.settings_wrong")


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
    cut_off: None, noisy: Cluster, observed: Settings, app: Flask
) -> None:
    wait_until(lambda: look(observed)["dr"].state == "receiver_gone", 20)
    noisy.sql(BULK)
    found = look(observed)["dr"]
    assert found.level == "critical"
    assert (found.replay_bytes or 0) > 1_000_000


def test_standby_with_another_name_does_not_stand_in_for_the_expected_one(
    app: Flask, observed: Settings
) -> None:
    renamed = observed.standbys[0].model_copy(update={"name": "az-c"})
    nowhere = renamed.model_copy(update={"name": "az-d", "url": f"postgresql://x@127.0.0.1:{free_port()}/x"})
    found = service.observe(observed.model_copy(update={"standbys": (renamed, nowhere)}))
    assert [row.state for row in found.standbys] == ["cut_off", "missing"]
    assert "az-b" in {sender.name for sender in found.others}


def test_standby_answers_as_primary_are_refused(whole_cluster: Cluster, observed: Settings) -> None:
    with pytest.raises(ProbeError, match="recovery is in progress"):
        read_primary(observed.standbys[0].url)


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


@pytest.mark.breaks("replication.split_brain")
def test_second_server_that_takes_writes_is_a_split_brain(judge: Judge, settings: Settings) -> None:
    cluster = judge.settings
    other = cluster.standbys[1].model_copy(update={"url": settings.database_monitor_url})
    judge.settings = cluster.model_copy(update={"standbys": (cluster.standbys[0], other)})
    said = judge.firing("replication.split_brain")[""]
    assert said.startswith("2 servers take writes: az-a and dr.")
    states = {row.state for row in service.observe(judge.settings).standbys}
    assert "promoted" in states
    judge.settings = cluster
    assert judge.is_well("replication.split_brain")


def test_settings_of_the_embedded_stack_are_what_the_strategy_asks(
    whole_cluster: Cluster, observed: Settings, app: Flask, control: Session
) -> None:
    assert settings_review.review(observed) == {"az-a": "ok", "az-b": "ok", "dr": "ok"}
    reading = get_reading(settings_review.READING)
    assert reading is not None
    assert reading.values["login"] == "steward_owner"
    has_right = whole_cluster.sql("SELECT current_setting('server_version_num')::int >= 150000")
    assert reading.values["may_apply"] is has_right
    checks = {row["name"] for row in reading.values["servers"][1]["checks"]}
    assert {
        "wal_level",
        "synchronous_standby_names",
        "log_min_duration_statement",
        "max_connections",
    } <= checks
