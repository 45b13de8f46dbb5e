"""The synchronous copy on a real cluster: on, frozen, given up, back; and what that cost."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError
from dashboard.health.queries import get_reading
from dashboard.replication import reviewing, service
from dashboard.replication.models import Cause, DurabilityLoss, Restore, position_of
from dashboard.replication.queries import find_open_loss, list_losses
from dashboard.replication.synchronous import steering
from dashboard.replication.synchronous.configuring import (
    ConfiguringError,
    NotAllowedError,
    address,
    set_synchronous,
)
from dashboard.replication.synchronous.deciding import Step
from dashboard.replication.synchronous.declared import DEGRADE_AFTER, SYNCHRONOUS
from dashboard.replication.synchronous.explaining import explain_frozen, list_waiting
from dashboard.settings.models import Setting
from dashboard.stack.layout import ERP_DATABASE
from tests.cluster import Cluster, wait_until
from tests.replication.conftest import Judge

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]
WITHIN = 15
DBA = "dba@example.com"


@pytest.fixture
def synchronous(noisy: Cluster, observed: Settings, app: Flask, control: Session) -> Iterator[Settings]:
    """The copy switched on as the page does it; afterwards the servers are as they were."""
    if not noisy.sql("SELECT current_setting('server_version_num')::int >= 150000"):
        pytest.skip("PostgreSQL 14 lets nobody but superusers change it")
    control.add(Setting(key=SYNCHRONOUS, value="on"))
    control.flush()
    try:
        done = steering.apply_wanted(observed, actor=DBA)
        assert (done["after"], done["confirming"]) == ('ANY 1 ("az-b")', ["az-b"])
        service.refresh(observed)
        yield observed
    finally:
        noisy.sql("ALTER SYSTEM RESET synchronous_standby_names")
        noisy.sql("SELECT pg_reload_conf()")


def names_on(cluster: Cluster) -> str:
    return str(cluster.sql("SHOW synchronous_standby_names"))


@contextmanager
def writers(cluster: Cluster, count: int) -> Iterator[list[threading.Thread]]:
    """Sessions that each commit one row, and wait for as long as that takes."""
    threads = [threading.Thread(target=_insert, args=(cluster,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.join(20)


def _insert(cluster: Cluster) -> None:
    with closing(psycopg2.connect(cluster.layout.erp.url(ERP_DATABASE))) as link, link.cursor() as at:
        at.execute("INSERT INTO tenant_noise.noise VALUES ('waits')")
        link.commit()


def values() -> dict[str, Any]:
    reading = get_reading(service.READING)
    assert reading is not None
    return reading.values


def commits_wait(observed: Settings) -> int:
    service.refresh(observed)
    return int(values()["frozen"]["commits"])


@pytest.mark.breaks("replication.durability_lost", "replication.commits_wait")
def test_frozen_commits_are_counted_freed_by_hand_and_the_loss_ends_when_the_copy_is_back(
    noisy: Cluster, synchronous: Settings, judge: Judge
) -> None:
    judge.limit("replication.commits_wait", 0.1)
    noisy.standby("az-b").stop()
    with writers(noisy, 3) as threads:
        wait_until(lambda: commits_wait(synchronous) == 3, WITHIN)
        seen = values()
        assert explain_frozen(seen).startswith("3 commits wait for az-b, the oldest for")
        assert [(row["login"], row["tenants"]) for row in list_waiting(seen)] == [("postgres", "noise")]
        assert reviewing.card().status == "critical"
        rung = dict[str, str]()  # a probe that was late on a busy machine knows nothing: the next one does
        wait_until(lambda: rung.update(judge.firing("replication.commits_wait")) or rung, WITHIN)
        assert rung[""].startswith("3 commits wait for az-b")
        with pytest.raises(ConflictError, match="every commit would freeze at once"):
            steering.restore(synchronous, actor=DBA)
        began = time.monotonic()
        steering.degrade(synchronous, actor=DBA, reason="Its disk died.")
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()
        assert time.monotonic() - began < 8
    loss = find_open_loss()
    assert loss is not None
    assert (loss.standby, loss.primary, loss.actor, loss.reason) == ("az-b", "az-a", DBA, "Its disk died.")
    assert (loss.commits, loss.cause) == (3, Cause.OPERATOR)
    assert position_of(loss.held_lsn) <= position_of(loss.since_lsn)
    assert names_on(noisy) == ""
    service.refresh(synchronous)
    said = judge.firing("replication.durability_lost")[""]
    assert said.startswith("Running without synchronous copy since")
    assert judge.is_well("replication.commits_wait")
    _insert(noisy)  # on one server only
    noisy.standby("az-b").start()
    wait_until(lambda: _follow(synchronous) is None, WITHIN)
    assert names_on(noisy) == 'ANY 1 ("az-b")'
    over = list_losses()[0]
    assert (over.until is not None, over.closed_by) == (True, "system")
    assert (over.bytes or 0) > 0
    assert service.observe(synchronous).standbys[0].sync_state == "quorum"
    assert judge.is_well("replication.durability_lost")


def _follow(observed: Settings) -> DurabilityLoss | None:
    """Do what the probe does every ten seconds; return the loss that goes on."""
    service.refresh(observed)
    steering.follow(observed)
    return find_open_loss()


def test_commits_go_on_by_themselves_after_the_set_time(
    noisy: Cluster, synchronous: Settings, control: Session
) -> None:
    control.add(Setting(key=DEGRADE_AFTER, value=1))
    control.flush()
    noisy.standby("az-b").stop()
    with writers(noisy, 1) as threads:
        wait_until(lambda: _follow(synchronous) is not None, WITHIN)
        threads[0].join(5)
        assert not threads[0].is_alive()
    loss = find_open_loss()
    assert loss is not None
    assert (loss.cause, loss.actor, loss.commits, loss.restore) == ("automatic", "system", 1, "automatic")
    assert loss.reason.startswith("1 commit had waited for")


def test_copy_that_somebody_switched_off_outside_is_found_and_left_to_people(
    noisy: Cluster, synchronous: Settings
) -> None:
    noisy.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
    noisy.sql("SELECT pg_reload_conf()")
    wait_until(lambda: names_on(noisy) == "", 5)
    service.refresh(synchronous)
    assert steering.follow(synchronous).step is Step.NOTHING
    later = datetime.now(UTC) + timedelta(seconds=11)
    assert steering.follow(synchronous, later).step is Step.NOTE
    loss = find_open_loss()
    assert loss is not None
    assert (loss.cause, loss.restore) == (Cause.FOUND, Restore.BY_HAND)
    assert loss.reason == "synchronous_standby_names was emptied outside Steward."
    assert steering.follow(synchronous, later).step is Step.NOTHING
    steering.restore(synchronous, actor=DBA)
    assert find_open_loss() is None
    assert list_losses()[0].closed_by == DBA


def test_switching_it_off_ends_an_open_period_and_asks_nobody(
    noisy: Cluster, synchronous: Settings, control: Session
) -> None:
    steering.degrade(synchronous, actor=DBA, reason="Maintenance.", restore=Restore.BY_HAND)
    with pytest.raises(ConflictError, match="nothing to give up"):
        steering.degrade(synchronous, actor=DBA, reason="Again.")
    row = control.get(Setting, SYNCHRONOUS)
    assert row is not None
    row.value = "off"
    control.flush()
    done = steering.apply_wanted(synchronous, actor=DBA)
    assert (done["after"], find_open_loss()) == ("", None)
    assert list_losses()[0].closing == "It was switched off."
    with pytest.raises(ConflictError, match="the setting is off"):
        steering.restore(synchronous, actor=DBA)


def test_login_without_the_right_gets_the_statements_to_run(
    noisy: Cluster, observed: Settings, app: Flask
) -> None:
    login = address(noisy.layout.erp_urls()["DATABASE_URL"])
    with pytest.raises(NotAllowedError, match="may not change it: permission denied") as refused:
        set_synchronous(login, 'ANY 1 ("az-b")')
    said = steering.explain(refused.value, "steward_app")
    assert "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"az-b\")';" in said.fix
    assert 'GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO "steward_app";' in said.fix
    assert names_on(noisy) == ""


def test_standby_is_never_configured_in_place_of_the_primary(
    noisy: Cluster, observed: Settings, app: Flask
) -> None:
    with pytest.raises(ConfiguringError, match="the primary has changed meanwhile"):
        set_synchronous(address(observed.database_direct_url, observed.standbys[0].url), "")
