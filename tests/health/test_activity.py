"""Sessions, locks and rates on a real server: each thing is broken, seen with its culprit, and mended."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg2
import pytest
from flask.testing import FlaskClient
from psycopg2.errors import DeadlockDetected
from psycopg2.extensions import connection
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.activity.judging import judge_now
from dashboard.health.activity.probes import Now, read_moment
from dashboard.health.activity.refreshing import ACTIVITY, NOW, refresh_moment
from dashboard.health.activity.tree import lock_tree
from dashboard.health.queries import get_reading
from dashboard.health.service import plain
from tests.cluster import wait_until
from tests.conftest import Servers
from tests.health.bell import Bell, forget_the_last_minute, links, run

TABLE = "public.desk_lock"
BUSY_PAGES = 14_000  # of which the last 16 MB stay in memory


@pytest.fixture
def url(servers: Servers) -> str:
    return servers.postgres.url("erp_test")


@pytest.fixture
def table(url: str) -> Iterator[str]:
    """A table with one row, of nobody else."""
    with closing(psycopg2.connect(url)) as link:
        link.autocommit = True
        run(link, f"CREATE TABLE {TABLE} (id int PRIMARY KEY, note text)")
        run(link, f"INSERT INTO {TABLE} VALUES (1, 'x')")
        try:
            yield TABLE
        finally:
            run(link, f"DROP TABLE {TABLE}")


@contextmanager
def waiting(link: connection, statement: str) -> Iterator[None]:
    """Run a statement that waits, until the block ends and what it waits for is gone."""

    def work() -> None:
        with suppress(psycopg2.Error), link.cursor() as at:
            at.execute(statement)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)
        link.rollback()


def now(settings: Settings) -> Now:
    return read_moment(settings.database_monitor_url)[1]


def test_lock_tree_names_holder_waiters_lock_and_table(settings: Settings, url: str, table: str) -> None:
    with links(url, 3) as (holder, first, second):
        pids = [link.info.backend_pid for link in (holder, first, second)]
        run(holder, f"UPDATE {table} SET note = 'held by me' WHERE id = 1")
        update = f"UPDATE {table} SET note = 'secret' WHERE id = 1"
        with waiting(first, update), waiting(second, update):
            wait_until(lambda: len(now(settings).parties) == 3, 10)
            found = now(settings)
            holder.rollback()
            wait_until(lambda: len(now(settings).parties) != 3, 10)
            first.cancel()
            second.cancel()
    tree = lock_tree([plain(row) for row in found.parties], [])
    root, *others = tree
    assert (root.party["pid"], root.depth, root.waiting) == (pids[0], 0, 2)
    assert {branch.party["pid"] for branch in others} == set(pids[1:])
    assert [branch.depth for branch in others] == [1, 2]
    assert {branch.party["object"] for branch in others} == {"desk_lock"}
    assert {branch.party["kind"] for branch in others} <= {"transactionid", "tuple"}
    assert "secret" not in str(found)
    assert "SET note = ?" in str(found.parties)


def test_tenant_of_a_transaction_is_known_by_its_tables(settings: Settings, url: str, app: object) -> None:
    with links(url, 1) as (link,):
        run(link, "SELECT count(*) FROM tenant_acme.product")
        found = {row.pid: row for row in now(settings).clients}
        assert found[link.info.backend_pid].schemas == ["tenant_acme"]


def test_holder_of_vacuum_is_named(settings: Settings, url: str) -> None:
    with links(url, 1) as (link,):
        run(link, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        assert link.info.backend_pid in {row.pid for row in now(settings).holders}
    held = [{"kind": "replication slot", "pid": None, "name": "old", "xid_age": 20_000_000}]
    assert "replication slot old holds back 20,000,000" in judge_now({"holders": held})[0].text


def test_progress_of_a_long_copy_is_shown(settings: Settings, url: str, table: str) -> None:
    ready, go = threading.Event(), threading.Event()

    class Slow:
        def read(self, _size: int) -> str:
            if not ready.is_set():
                ready.set()
                return "2\tx\n"
            go.wait(10)
            return ""

    with links(url, 1) as (link,), link.cursor() as at:
        thread = threading.Thread(target=at.copy_expert, args=(f"COPY {table} FROM STDIN", Slow()))
        thread.start()
        try:
            assert ready.wait(10)
            wait_until(lambda: now(settings).progress, 10)
            assert [row.kind for row in now(settings).progress] == ["Copy From"]
        finally:
            go.set()
            thread.join(10)


def test_prepared_transaction_that_blocks_stands_in_the_tree() -> None:
    waiter = {"pid": 7, "blocked_by": [0], "seconds": 3.0}
    prepared = [{"gid": "shop-42", "owner": "app", "seconds": 400.0}]
    root, below = lock_tree([waiter], prepared)
    assert (root.party["query"], root.waiting, below.party["pid"]) == ("shop-42", 1, 7)
    assert "shop-42" in judge_now({"prepared": prepared})[0].text


def test_ring_of_waiters_is_drawn_once_and_called_a_ring() -> None:
    ring = [{"pid": 1, "blocked_by": [2], "seconds": 1.0}, {"pid": 2, "blocked_by": [1], "seconds": 2.0}]
    lines = lock_tree(ring, [])
    assert [line.party["pid"] for line in lines] == [1, 2, 1]
    assert [line.ring for line in lines] == [False, False, True]


@pytest.mark.breaks("health.connections_high", "health.connections_exhausted")
def test_connections_that_run_out(bell: Bell, settings: Settings, url: str) -> None:
    monitor = settings.database_monitor_url
    refresh_moment(monitor)
    assert bell.is_quiet("health.connections_high")
    with links(url, 134):
        refresh_moment(monitor)
        assert "of 147 connections are in use (9" in bell.reasons("health.connections_exhausted")[""]
        assert "idle" in bell.reasons("health.connections_high")[""]
    wait_until(lambda: refresh_moment(monitor) == "" and sessions() < 100, 10)
    assert bell.is_quiet("health.connections_high")
    assert bell.is_quiet("health.connections_exhausted")


def sessions() -> int:
    reading = get_reading(ACTIVITY)
    assert reading is not None
    return sum(row["sessions"] for row in reading.data["sessions"])


@pytest.mark.breaks("health.idle_in_transaction", "health.idle_in_transaction_long")
def test_transaction_left_open(bell: Bell, settings: Settings, url: str, control: Session) -> None:
    rules = ("health.idle_in_transaction", "health.idle_in_transaction_long")
    with links(url, 1) as (link,):
        run(link, "SELECT 1")
        look(settings, control)
        assert bell.is_quiet(rules[1])  # not for long enough
        time.sleep(1.5)
        look(settings, control)
        for rule in rules:
            assert f"process {link.info.backend_pid} of postgres" in bell.reasons(rule, limit=1.3)[""]
        link.rollback()
        look(settings, control)
        for rule in rules:
            assert bell.is_quiet(rule, limit=1.3)


@pytest.mark.breaks("health.long_transaction")
def test_transaction_at_work_for_long(bell: Bell, settings: Settings, url: str) -> None:
    rule, monitor = "health.long_transaction", settings.database_monitor_url
    with links(url, 1) as (link,), waiting(link, "SELECT pg_sleep(30)"):
        time.sleep(1.2)
        refresh_moment(monitor)
        assert bell.is_quiet(rule)  # not for long enough
        said = bell.reasons(rule, limit=1.0)[""]
        assert said.startswith("1 transaction is at work, the longest for 1")
        assert f"process {link.info.backend_pid} of postgres" in said
        link.cancel()
    refresh_moment(monitor)
    assert bell.is_quiet(rule, limit=1.0)


def look(settings: Settings, control: Session) -> None:
    """Read the server right after the test's own two transactions did something: they are open, too."""
    for engine in (db.engines["control"], db.engine):
        control.execute(text("SELECT 1"), bind_arguments={"bind": engine})
    refresh_moment(settings.database_monitor_url)


@pytest.mark.breaks("health.blocked_sessions", "health.blocked_long")
def test_sessions_that_wait_for_a_lock(
    bell: Bell, settings: Settings, url: str, table: str, login: object
) -> None:
    monitor, statement = settings.database_monitor_url, f"LOCK TABLE {table}"
    with links(url, 4) as (holder, *others):
        run(holder, statement)
        with waiting(others[0], statement), waiting(others[1], statement), waiting(others[2], statement):
            wait_until(lambda: refresh_moment(monitor) == "" and waiters() == 3, 10)
            said = bell.reasons("health.blocked_sessions")[""]
            assert said.startswith("3 sessions wait for locks")
            assert f"process {holder.info.backend_pid}" in said
            assert bell.is_quiet("health.blocked_long")
            assert bell.reasons("health.blocked_long", limit=0.001)
            holder.rollback()
            for link in others:
                link.cancel()
    refresh_moment(monitor)
    assert bell.is_quiet("health.blocked_sessions")
    assert bell.is_quiet("health.blocked_long", limit=0.001)


def waiters() -> int:
    reading = get_reading(ACTIVITY)
    assert reading is not None
    return len(reading.data["waits"])


@pytest.mark.breaks("health.wraparound", "health.wraparound_near")
@pytest.mark.parametrize("rule", ["health.wraparound", "health.wraparound_near"])
def test_wraparound_at_a_moved_limit(bell: Bell, settings: Settings, rule: str) -> None:
    """The age is real; two billion transactions would take days to make, so the limit comes to it."""
    refresh_moment(settings.database_monitor_url)
    assert bell.is_quiet(rule)
    assert "transactions are left" in bell.reasons(rule, limit=2**31)[""]
    assert bell.is_quiet(rule)


@pytest.mark.breaks("health.rollbacks")
def test_many_rollbacks(bell: Bell, settings: Settings, url: str) -> None:
    monitor = settings.database_monitor_url
    refresh_moment(monitor)
    work(url, 60, ends=("commit", "rollback"))
    refresh_moment(monitor)
    assert "a second were rolled back" in bell.reasons("health.rollbacks")[""]
    forget_the_last_minute(ACTIVITY)
    refresh_moment(monitor)
    work(url, 40, ends=("commit",))
    refresh_moment(monitor)
    assert bell.is_quiet("health.rollbacks")


def work(url: str, transactions: int, *, ends: tuple[str, ...]) -> None:
    with links(url, 1) as (link,):
        for number in range(transactions):
            run(link, "SELECT txid_current()")
            getattr(link, ends[number % len(ends)])()
    # The end of a session hands its counters in, but not before it is really gone.
    wait_until(lambda: not gone(url, link), 5)


def gone(url: str, link: connection) -> bool:
    with links(url, 1) as (other,), other.cursor() as at:
        at.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (link.info.backend_pid,))
        row = at.fetchone()
        return bool(row and row[0])


@pytest.mark.breaks("health.deadlocks")
def test_deadlocks(bell: Bell, settings: Settings, url: str) -> None:
    monitor = settings.database_monitor_url
    refresh_moment(monitor)
    for _ in range(6):
        deadlock(url)
    refresh_moment(monitor)
    assert bell.reasons("health.deadlocks")[""].startswith("6 deadlocks")
    forget_the_last_minute(ACTIVITY)
    refresh_moment(monitor)
    refresh_moment(monitor)
    assert bell.is_quiet("health.deadlocks")


def deadlock(url: str) -> None:
    with links(url, 2) as (one, other):
        for link, key in ((one, 1), (other, 2)):
            run(link, f"SET LOCAL deadlock_timeout = '5ms'; SELECT pg_advisory_xact_lock(815, {key})")
        with waiting(one, "SELECT pg_advisory_xact_lock(815, 2)"), suppress(DeadlockDetected):
            run(other, "SELECT pg_advisory_xact_lock(815, 1)")
            other.rollback()
    wait_until(lambda: not gone(url, one) and not gone(url, other), 5)


@pytest.mark.breaks("health.cache_hit_low", "health.cache_hit_bad")
def test_reads_that_go_to_the_disk(bell: Bell, settings: Settings, url: str) -> None:
    """A table too large for shared memory is read from disk each time."""
    monitor, rules = settings.database_monitor_url, ("health.cache_hit_low", "health.cache_hit_bad")
    with links(url, 1) as (link,):
        link.autocommit = True
        rows = f"SELECT repeat(md5(n::text), 20) AS note FROM generate_series(1, {BUSY_PAGES}) n"
        run(link, f"CREATE UNLOGGED TABLE public.desk_large WITH (fillfactor = 10) AS {rows}")  # a row a page
        try:
            refresh_moment(monitor)
            run(link, "SELECT count(note) FROM public.desk_large; SELECT pg_stat_force_next_flush()")
            refresh_moment(monitor)
            for rule in rules:
                assert "of the block reads of the last minute" in bell.reasons(rule)[""]
            forget_the_last_minute(ACTIVITY)
            refresh_moment(monitor)
            run(link, "SELECT sum((SELECT count(*) FROM pg_proc WHERE n > 0)) FROM generate_series(1, 150) n")
            run(link, "SELECT pg_stat_force_next_flush()")
            refresh_moment(monitor)
            for rule in rules:
                assert bell.is_quiet(rule)
        finally:
            run(link, "DROP TABLE public.desk_large")


def test_page_draws_the_tree_and_asks_for_a_look(
    settings: Settings, url: str, table: str, control: Session, login: object
) -> None:
    with links(url, 2) as (holder, waiter):
        run(holder, f"LOCK TABLE {table}")
        with waiting(waiter, f"LOCK TABLE {table}"):
            wait_until(lambda: now(settings).parties, 10)
            refresh_moment(settings.database_monitor_url)
            holder.rollback()
            waiter.cancel()
    control.commit()
    browser: FlaskClient = login("dba")  # type: ignore[operator]
    html = browser.get("/database/activity").text
    assert "In the way of 1" in html
    assert "AccessExclusiveLock (relation) on public.desk_lock" in " ".join(html.split())
    assert get_reading(NOW) is not None
