"""Real backups by Barman of a real cluster."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.backups import queries, reviewing, service
from dashboard.backups.barman import Barman, BarmanError
from dashboard.core.config import Settings
from dashboard.core.errors import UnavailableError
from dashboard.health import refreshing
from dashboard.health.queries import get_reading
from dashboard.replication import service as replication
from tests.cluster import Cluster, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]


@pytest.fixture
def observed(whole_cluster: Cluster, settings: Settings) -> Settings:
    return whole_cluster.settings(settings)


@pytest.fixture
def barman(observed: Settings, control: Session) -> Barman:
    return service.barman_of(observed)


class Watched:
    """Collects what a backup says while it runs."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.phases: list[str] = []
        self.ticks = 0

    def phase(self, _done: int, _total: int, text: str) -> None:
        self.phases.append(text)

    def tick(self) -> None:
        self.ticks += 1


def make(barman: Barman, mode: str = "full") -> tuple[str, Watched]:
    seen = Watched()
    made = service.back_up(barman, mode=mode, on_line=seen.lines.append, on_phase=seen.phase, tick=seen.tick)
    service.sync_catalogue(barman)
    return made, seen


def test_back_up_now_makes_a_real_backup_that_the_catalogue_shows(barman: Barman) -> None:
    backup_id, seen = make(barman)
    assert "Copying the data folder" in seen.phases
    assert "Waiting for the last WAL" in seen.phases
    assert any(line.startswith("Backup completed") for line in seen.lines)
    newest = queries.find_newest(barman.server)
    assert newest is not None
    assert newest.backup_id == backup_id
    assert newest.status == "DONE"
    assert newest.kind == "full"
    assert (newest.size_bytes or 0) > 1_000_000
    assert newest.duration is not None
    assert len(newest.begin_wal or "") == 24
    assert newest.begin_lsn
    assert service.describe(barman.server, backup_id)["size_bytes"] == newest.size_bytes
    assert not service.needs_first_backup(barman.server)


def test_window_reaches_from_the_first_full_backup_into_the_archived_wal(
    barman: Barman, observed: Settings, whole_cluster: Cluster
) -> None:
    make(barman)
    replication.refresh(observed)
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS noise (t text)")
    whole_cluster.sql("INSERT INTO noise VALUES ('x')")
    whole_cluster.sql("SELECT pg_switch_wal()")
    first = queries.list_backups(barman.server)[-1]

    def has_advanced() -> bool:
        barman.cron()
        service.sync_catalogue(barman)
        window = reviewing.window_of(queries.get_repository())
        return bool(window["until_at"] > window["from_at"])

    wait_until(has_advanced, 40, "archived WAL does not move the window")
    window = reviewing.window_of(queries.get_repository())
    assert window["from_at"] == first.end_at
    assert not window["has_gap"]
    rpo, rto, fresh = reviewing.promises(barman.server, window, queries.find_newest(barman.server))
    assert rpo.status == "ok"
    assert rto.headline is None
    assert fresh.status == "ok"
    assert "Restorable" in reviewing.card(barman.server).text


def test_window_grows_past_the_second_backup(barman: Barman, whole_cluster: Cluster) -> None:
    make(barman)
    second, _ = make(barman)
    newest = queries.find_newest(barman.server)
    assert newest is not None
    assert newest.backup_id == second
    reached = newest.end_wal or ""
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS noise (t text)")
    whole_cluster.sql("SELECT pg_switch_wal()")

    def has_passed() -> bool:
        barman.cron()
        service.sync_catalogue(barman)
        return bool(reviewing.window_of(queries.get_repository())["last_wal"] > reached)

    wait_until(has_passed, 40, "the window ends with the second backup")
    assert not reviewing.window_of(queries.get_repository())["has_gap"]


def test_an_idle_primary_loses_nothing_however_old_its_last_wal(
    barman: Barman, observed: Settings, whole_cluster: Cluster
) -> None:
    make(barman)
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS noise (t text)")
    whole_cluster.sql("SELECT pg_switch_wal()")

    def is_at_present() -> bool:
        barman.cron()
        seen_at = datetime.now(UTC)
        replication.refresh(observed)
        service.sync_catalogue(barman)
        return bool(reviewing.window_of(queries.get_repository())["until_at"] >= seen_at)

    wait_until(is_at_present, 60, "an idle primary counts as data at risk")
    wait_until(is_at_present, 60, "it counts as data at risk a moment later")


def test_incremental_backup_stands_on_its_parent(barman: Barman, observed: Settings) -> None:
    refreshing.refresh_inventory(observed)
    parent, _ = make(barman)
    child, _ = make(barman, mode="auto")
    newest = queries.find_newest(barman.server)
    assert newest is not None
    assert (newest.backup_id, newest.kind, newest.parent_id) == (child, "incremental", parent)


def test_check_results_are_answers_also_when_they_fail(barman: Barman, whole_cluster: Cluster) -> None:
    whole_cluster.layout.erp.stop()
    results = {check.name: check.passed for check in barman.check()}
    assert results["postgresql"] is False
    assert results["directories"] is True


def test_catalogue_is_read_with_the_primary_killed_and_a_backup_fails_with_barmans_reason(
    barman: Barman, whole_cluster: Cluster
) -> None:
    make(barman)
    count = queries.count_backups(barman.server)
    whole_cluster.layout.erp.kill()
    with pytest.raises(UnavailableError, match=r"The backup failed\. .+"):
        make(barman)
    assert "error" not in service.sync_catalogue(barman)
    assert queries.count_backups(barman.server) >= count
    failed = reviewing.failed_checks(queries.get_repository())
    assert "postgresql" in failed
    assert reviewing.card(barman.server).status == "critical"


def test_backup_that_retention_removed_stays_known_as_gone(barman: Barman) -> None:
    make(barman)
    removed, _ = make(barman)
    barman.ask("delete", barman.server, removed)
    service.sync_catalogue(barman)
    assert removed not in {backup.backup_id for backup in queries.list_backups(barman.server)}


def test_backup_broken_off_leaves_no_barman_behind(barman: Barman) -> None:
    class StopError(Exception):
        pass

    def stop_at_once() -> None:
        raise StopError

    with pytest.raises(StopError):
        service.back_up(
            barman, mode="full", on_line=lambda _: None, on_phase=lambda *_: None, tick=stop_at_once
        )
    made, _ = make(barman)  # its lock is free again
    assert made


def test_unknown_server_and_missing_configuration_are_said_in_words(
    barman: Barman, observed: Settings, app: Flask
) -> None:
    with pytest.raises(BarmanError, match="nowhere"):
        Barman(barman.config, "nowhere").list_backups()
    away = service.barman_of(observed.model_copy(update={"barman_config": None}))
    assert "STEWARD_BARMAN_CONFIG" in str(service.sync_catalogue(away)["error"])
    reading = get_reading(queries.REPOSITORY)
    assert reading is not None
    assert reading.is_failing
    assert reviewing.card(barman.server).status == "critical"
    lost = Barman(barman.config, "main", program=f"barman-{uuid4()}")
    with pytest.raises(BarmanError, match="not installed"):
        lost.version()
