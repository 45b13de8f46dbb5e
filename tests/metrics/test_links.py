"""Connections that are kept from round to round, when the server does not stay the same."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.locks import try_lock
from dashboard.jobs.store import control_transaction
from dashboard.metrics import links, resident
from dashboard.metrics.links import KeptLinks, Link
from dashboard.metrics.models import MetricRound, MetricSource
from dashboard.metrics.probes import FAST, RoundError
from dashboard.servers import free_port
from tests.conftest import Servers
from tests.metrics.test_jobs import empty

PIDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'steward_probe' ORDER BY pid"
ROUNDS = select(func.count()).select_from(MetricRound)


@pytest.fixture
def link(app: Flask, settings: Settings) -> Iterator[Link]:
    with closing(Link(settings.database_monitor_url)) as found:
        yield found


def pids(servers: Servers) -> list[int]:
    """The server's processes that answer probes now."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as on, on.cursor() as at:
        at.execute(PIDS)
        return [pid for (pid,) in at.fetchall()]


def test_connection_is_kept_and_rests_outside_transactions(link: Link, servers: Servers) -> None:
    first = link.run(FAST)
    (pid,) = pids(servers)
    second = link.run(FAST)
    assert pids(servers) == [pid]
    assert (first.connect_ms > 0, second.connect_ms) == (True, 0)
    assert second.clock_at > first.clock_at
    assert second.failures == {}
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as on, on.cursor() as at:
        at.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid])
        assert at.fetchone() == ("idle",)


def test_connection_that_was_ended_is_made_anew_in_the_same_round(link: Link, servers: Servers) -> None:
    link.run(FAST)
    (pid,) = pids(servers)
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as on, on.cursor() as at:
        at.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert link.run(FAST).connect_ms > 0
    assert pids(servers) != [pid]


def test_server_process_that_answers_nothing_is_left_within_seconds(link: Link, servers: Servers) -> None:
    link.run(FAST)
    (pid,) = pids(servers)
    os.kill(pid, signal.SIGSTOP)
    try:
        found = link.run(FAST)
        assert 1000 * links.GREETING_SECONDS <= found.wall_ms < 4000
        assert len(pids(servers)) == 2
    finally:
        os.kill(pid, signal.SIGCONT)


def test_changed_role_and_age_make_it_anew(
    link: Link, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.run(FAST)
    link._in_recovery = True  # as if it had been promoted since
    assert link.run(FAST).connect_ms > 0
    assert link.run(FAST).connect_ms == 0
    monkeypatch.setattr(links, "RENEWED_AFTER", 2)
    assert link.run(FAST).connect_ms > 0


def test_each_server_has_a_connection_of_its_own(app: Flask, settings: Settings, servers: Servers) -> None:
    gone = f"postgresql://u@127.0.0.1:{free_port()}/d"
    with closing(KeptLinks()) as kept:
        for _ in range(2):
            kept.run(settings.database_monitor_url, FAST)
            with pytest.raises(RoundError, match="refused"):
                kept.run(gone, FAST)
        assert len(pids(servers)) == 1
    assert pids(servers) == []


class Soon(threading.Event):
    """Asks to stop after three pauses, and makes them short."""

    paused = 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert 0 < timeout <= resident.EVERY
        self.paused += 1
        return self.paused > 3


@pytest.mark.commits
def test_schedule_process_samples_over_one_connection(app: Flask, servers: Servers) -> None:
    with app.app_context():
        empty()
        try:
            resident.keep_sampling(app, Soon())
            with control_transaction() as session:
                assert session.scalar(ROUNDS) == 3
                costs = session.scalars(select(MetricSource.costs)).one()
            assert costs["connect_ms"] == 0  # of the last round
        finally:
            db.session.remove()
            empty()
    assert pids(servers) == []


def test_two_schedule_processes_never_sample_both(app: Flask, control: Session) -> None:
    with try_lock(resident.LOCK) as lock:
        assert lock is not None
        before = control.scalar(ROUNDS)  # a schedule process that another test started may have left some
        resident.keep_sampling(app, Soon())
    assert control.scalar(ROUNDS) == before


def test_what_goes_wrong_does_not_end_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_name: str) -> None:
        raise psycopg2.OperationalError("gone")

    monkeypatch.setattr(resident, "try_lock", away)
    stop = Soon()
    resident.keep_sampling(app, stop)
    assert stop.paused == 4
