"""Every alarm, by breaking the real thing: it fires within a minute with its reason, then clears."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, current_app
from sqlalchemy.orm import Session

from dashboard.alerts import service as alerts
from dashboard.backups import queries, service
from dashboard.backups.models import FAILED
from dashboard.backups.verifying import verify
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.settings.models import Setting
from tests.backups.breaking import Sight
from tests.cluster import Cluster, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]


@pytest.fixture
def sight(
    whole_cluster: Cluster,
    settings: Settings,
    app: Flask,
    control: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Sight]:
    """The cluster, with its receiver and slot, under the eyes of the probes."""
    observed = whole_cluster.settings(settings)
    monkeypatch.setitem(app.extensions, "steward_settings", observed)
    receive(whole_cluster)
    yield Sight(observed)
    for name in ("archive_command", "max_slot_wal_keep_size", "wal_keep_size"):
        whole_cluster.sql(f"ALTER SYSTEM RESET {name}")
    whole_cluster.sql("SELECT pg_reload_conf()")
    receive(whole_cluster)
    forget_failed_backups(Sight(observed), whole_cluster)


def receive(cluster: Cluster) -> None:
    """See that Barman receives through its slot."""
    active = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'barman_main' AND active"
    if not cluster.sql(active):
        cluster.barman("cron")
        wait_until(lambda: cluster.sql(active), 20, "Barman does not receive")


def switch(cluster: Cluster) -> str:
    """Write something and close the WAL file; return the file's name."""
    cluster.sql("CREATE TABLE IF NOT EXISTS noise (t text)")
    cluster.sql("INSERT INTO noise VALUES ('x')")
    name = cluster.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    cluster.sql("SELECT pg_switch_wal()")
    return str(name)


def filed(cluster: Cluster, name: str) -> Path:
    return cluster.layout.barman / "main" / "wals" / name[:16] / name


@pytest.mark.breaks(
    "backups.archiver_failing", "backups.archive_queue_long", "backups.archive_queue_very_long"
)
def test_failing_archive_command_and_its_queue(sight: Sight, whole_cluster: Cluster, app: Flask) -> None:
    rules, queue = alerts.rules(), "backups.archive_queue_long"
    longer = "backups.archive_queue_very_long"
    short = {**rules, **{key: dataclasses.replace(rules[key], limit=2) for key in (queue, longer)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(app.extensions, "alert_rules", short)
        whole_cluster.sql("ALTER SYSTEM SET archive_command = 'false'")
        whole_cluster.sql("SELECT pg_reload_conf()")
        for _ in range(3):
            switch(whole_cluster)
        both = ("backups.archiver_failing", queue, longer)
        wait_until(lambda: sight.fires(*both), 15)
        reasons = sight.firing()
        assert re.match(r"archive_command last failed at [\d:]+ UTC on 0{7}", reasons[both[0]])
        assert re.match(r"[3-9] WAL files wait", reasons[both[1]])
        assert "backups.receive_wal_dead" not in reasons
        whole_cluster.sql("ALTER SYSTEM RESET archive_command")
        whole_cluster.sql("SELECT pg_reload_conf()")
        switch(whole_cluster)  # wakes the archiver before its minute is over
        wait_until(lambda: sight.is_well(*both), 20)


@pytest.mark.breaks("backups.receive_wal_dead", "backups.slot_missing")
def test_dropped_slot_and_dead_receiver(sight: Sight, whole_cluster: Cluster) -> None:
    both = ("backups.receive_wal_dead", "backups.slot_missing")
    assert sight.is_well(*both)
    whole_cluster.barman("terminate-process", "main", "receive-wal")
    wait_until(lambda: sight.fires(both[0]), 15)
    reason = sight.firing()[both[0]]
    assert (
        "No client of the primary is called barman_receive_wal. Its slot barman_main has been idle" in reason
    )
    whole_cluster.sql("SELECT pg_drop_replication_slot('barman_main')")
    assert sight.fires(*both)
    assert "has no slot barman_main; it has az_b, dr" in sight.firing()[both[1]]
    receive(whole_cluster)
    assert sight.is_well(*both)


@pytest.mark.breaks("replication.slot_lost", "replication.slot_at_risk")
def test_lost_slot(sight: Sight, whole_cluster: Cluster) -> None:
    whole_cluster.sql("SELECT pg_create_physical_replication_slot('left_behind', true)")
    try:
        whole_cluster.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'")
        whole_cluster.sql("ALTER SYSTEM SET wal_keep_size = 0")
        whole_cluster.sql("SELECT pg_reload_conf()")
        for _ in range(4):
            switch(whole_cluster)
        wait_until(lambda: others_kept(whole_cluster) < 30 * 2**20, 20, "the readers do not catch up")
        whole_cluster.sql("CHECKPOINT")
        assert sight.fires("replication.slot_at_risk")
        whole_cluster.sql("CHECKPOINT")
        assert sight.fires("replication.slot_lost")
        assert "The slot left_behind has lost WAL" in sight.firing()["replication.slot_lost"]
    finally:
        whole_cluster.sql("SELECT pg_drop_replication_slot('left_behind')")
    assert sight.is_well("replication.slot_lost", "replication.slot_at_risk")


def others_kept(cluster: Cluster) -> int:
    """Bytes of WAL that the slots in use keep."""
    return int(
        cluster.sql(
            "SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))"
            " FROM pg_replication_slots WHERE slot_name <> 'left_behind'"
        )
    )


@pytest.mark.breaks("replication.standby_missing", "replication.replay_paused")
def test_missing_standby_and_paused_replay(sight: Sight, whole_cluster: Cluster) -> None:
    both = ("replication.standby_missing", "replication.replay_paused")
    whole_cluster.standby("dr").stop()
    whole_cluster.sql("SELECT pg_wal_replay_pause()", on="az-b")
    wait_until(lambda: sight.fires(*both), 20)
    assert "does not stream from the primary" in sight.firing()[both[0]]
    whole_cluster.standby("dr").start()
    whole_cluster.sql("SELECT pg_wal_replay_resume()", on="az-b")
    wait_until(lambda: sight.is_well(*both), 20)


@pytest.mark.breaks(
    "backups.failed", "backups.wal_gap", "backups.verification_failed", "backups.checks_failing"
)
@pytest.mark.breaks("backups.rpo_missed", "backups.rpo_burning")
def test_failed_backup_gap_flipped_byte_and_too_much_at_risk(sight: Sight, whole_cluster: Cluster) -> None:
    """One good backup serves all: it ends a failure, loses a WAL file, then a byte, then falls behind."""
    fail_a_backup(sight)
    assert "backups.failed" in sight.firing()
    made = back_up(sight, lambda *_: None)
    sight.read_catalogue()
    assert sight.is_well("backups.failed", "backups.too_old", "backups.wal_gap")
    remove_and_return_wal(sight, whole_cluster)
    flip_a_byte(sight, whole_cluster, made)
    clear_away_what_failed(sight, whole_cluster)
    risk_more_than_promised(sight, whole_cluster)


def clear_away_what_failed(sight: Sight, cluster: Cluster) -> None:
    """Barman's own check says no as long as a failed backup lies in the repository."""
    assert "failed backups" in sight.firing(130)["backups.checks_failing"]
    forget_failed_backups(sight, cluster)
    sight.read_catalogue()
    assert sight.is_well("backups.checks_failing")


def forget_failed_backups(sight: Sight, cluster: Cluster) -> None:
    for entry in sight.barman.list_backups():
        if entry.status == FAILED:
            cluster.barman("delete", "main", entry.backup_id)


def risk_more_than_promised(sight: Sight, cluster: Cluster) -> None:
    """Nothing saves WAL for some seconds, where only one is promised."""
    rules = alerts.rules()
    burning = dataclasses.replace(rules["backups.rpo_burning"], limit=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(current_app.extensions, "alert_rules", {**rules, burning.key: burning})
        stop_saving_wal(sight, cluster)


def stop_saving_wal(sight: Sight, cluster: Cluster) -> None:
    db.session.add(Setting(key="backups.rpo_seconds", value=1))
    cluster.sql("ALTER SYSTEM SET archive_command = 'false'")
    cluster.sql("SELECT pg_reload_conf()")
    cluster.barman("terminate-process", "main", "receive-wal")
    switch(cluster)
    both = ("backups.rpo_missed", "backups.rpo_burning")
    wait_until(lambda: sight.fires(*both), 25)
    assert re.search(r"Archive: .+ would be lost, 1.s is promised", sight.firing()["backups.rpo_missed"])
    cluster.sql("ALTER SYSTEM RESET archive_command")
    cluster.sql("SELECT pg_reload_conf()")
    receive(cluster)
    wait_until(lambda: sight.is_well(*both), 20)


def back_up(sight: Sight, on_phase: Callable[[int, int, str], None]) -> str:
    said: list[str] = []
    return service.back_up(
        sight.barman, mode="full", on_line=said.append, on_phase=on_phase, tick=lambda: None
    )


def fail_a_backup(sight: Sight) -> None:
    class StopError(Exception):
        pass

    def stop(_done: int, _total: int, text: str) -> None:
        if text == "Copying the data folder":
            raise StopError

    config = sight.settings.barman_config
    assert config is not None
    written = config.read_text()
    config.write_text(f"{written}\nbandwidth_limit = 2000\n")  # else it is done before it can be stopped
    try:
        with pytest.raises(StopError):
            back_up(sight, stop)
    finally:
        config.write_text(written)
    sight.read_catalogue()
    assert queries.find_failure("main") is not None


def remove_and_return_wal(sight: Sight, cluster: Cluster) -> None:
    """Take a file of the repository away, with its line in xlog.db, as a careless hand would."""
    name = switch(cluster)
    last = switch(cluster)

    def has_come() -> bool:
        sight.barman.cron()
        return filed(cluster, last).exists()

    wait_until(has_come, 30, "the WAL was not filed")
    path, log = filed(cluster, name), cluster.layout.barman / "main" / "wals" / "xlog.db"
    content, lines = path.read_bytes(), log.read_text() if log.exists() else ""
    path.unlink()
    if lines:
        log.write_text("".join(line for line in lines.splitlines(keepends=True) if name not in line))
    reasons = sight.firing()
    assert f"1 WAL file is missing from {path.parents[1]}: {name}." in reasons["backups.wal_gap"]
    path.write_bytes(content)
    if lines:
        log.write_text(lines)
    assert sight.is_well("backups.wal_gap")


def flip_a_byte(sight: Sight, cluster: Cluster, backup_id: str) -> None:
    files = (cluster.layout.barman / "main" / "base" / backup_id / "data").glob("base.tar*")
    path = next(files)
    flip(path)
    assert not verify(sight.barman, backup_id).passed
    assert "backups.verification_failed" in sight.firing()
    flip(path)
    assert verify(sight.barman, backup_id).passed
    assert sight.is_well("backups.verification_failed", "backups.verification_overdue")


def flip(path: Path) -> None:
    middle = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 0xFF]))


@pytest.mark.breaks("health.primary_away")
def test_killed_primary_leaves_the_other_rules_not_knowing(sight: Sight, whole_cluster: Cluster) -> None:
    assert sight.is_well("health.primary_away")
    whole_cluster.layout.erp.kill()
    reasons = sight.firing()
    assert "The ERP primary last answered at" in reasons["health.primary_away"]
    assert "backups.receive_wal_dead" not in reasons  # not known is not dead
    whole_cluster.layout.erp.start()
    wait_until(lambda: sight.is_well("health.primary_away"), 20)
