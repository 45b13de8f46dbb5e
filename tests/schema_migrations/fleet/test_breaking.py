"""What breaks a run while it goes on: death, locks, lost connections, half-made indexes, a second run."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from dashboard.schema_migrations.fleet import locking, tasks
from dashboard.schema_migrations.fleet.running import Outcome, Progress, Quiet, Result
from tests.schema_migrations.fleet.ground import RUN, Ground

ROOT = Path(__file__).resolve().parents[3]
SLOW = "op.execute('SELECT pg_sleep(0.15)')"
PROCESS = """
import sys
from alembic.script import ScriptDirectory
from dashboard.schema_migrations.fleet.rendering import render
from dashboard.schema_migrations.fleet.running import Options, run_fleet
scripts = ScriptDirectory(sys.argv[2])
run_fleet(sys.argv[1], 1, render(scripts, "a1", "head"), Options(workers=4, scripts=scripts))
"""
BUSY = (
    "SELECT count(*) FILTER (WHERE status = 'done'), count(*) FILTER (WHERE status = 'running')"
    " FROM fleet_task"
)
OLD_SNAPSHOT = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM pg_class")
WORKERS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'steward_fleet_1_%'"
IN_AUTOCOMMIT = "with op.get_context().autocommit_block():"


class Lines(Quiet):
    """Hooks that keep what they are told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.waiting: list[str] = []

    def log(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, progress: Progress) -> None:
        self.waiting += progress.waiting


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.01)


def check_everything(ground: Ground, schemas: int) -> None:
    """All arrived, nothing was done twice, nothing half-made is left."""
    assert sorted(ground.statuses().values()) == ["done"] * schemas
    assert set(ground.versions().values()) == set(ground.ledger().values())
    assert len(set(ground.versions().values())) == 1
    assert set(ground.applied().values()) == {1}
    assert ground.invalid_indexes() == []
    moves = "SELECT tenant_id, to_revision FROM tenant_revision"
    assert len(ground.rows(moves)) == len(set(ground.rows(moves)))


@contextmanager
def transaction(ground: Ground, *statements: str) -> Iterator[None]:
    """Somebody's open transaction."""
    link = psycopg2.connect(ground.url, application_name="long reader")
    with link.cursor() as at:
        for statement in statements:
            at.execute(statement)
    try:
        yield
    finally:
        link.close()


def in_background(work: Callable[[], Result]) -> tuple[threading.Thread, list[Result]]:
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def test_killed_in_the_middle_and_resumed_nothing_is_lost_or_done_twice(ground: Ground) -> None:
    ground.settle(20)
    ground.history.write("a2", "a1", [SLOW, "op.execute(\"INSERT INTO applied VALUES ('a2')\")"])
    steps = ground.steps()
    ground.create(steps)
    command = [sys.executable, "-c", PROCESS, ground.url, str(ground.history.folder)]
    child = subprocess.Popen(command, cwd=ROOT)
    try:
        until(lambda: ground.rows(BUSY)[0] >= (6, 2))
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    done, running = ground.rows(BUSY)[0]
    assert done < 20
    assert running, "some are in flight"
    assert ground.run(steps, workers=4).outcome is Outcome.DONE
    check_everything(ground, 20)
    assert len(ground.indexed()) == 20


def test_a_locked_schema_is_tried_again_while_the_others_go_on(ground: Ground) -> None:
    ground.settle(8)
    steps = ground.steps()
    ground.create(steps)
    held: list[float] = []
    over = threading.Event()

    def read() -> None:
        with ground.link() as link, link.cursor() as at:
            while not over.is_set():
                begun = time.perf_counter()
                at.execute("SELECT count(*) FROM tenant_05.item")
                held.append(time.perf_counter() - begun)
                time.sleep(0.005)

    hooks, reader = Lines(), threading.Thread(target=read)
    reader.start()
    try:
        with transaction(ground, "SELECT FROM tenant_05.item"):
            thread, results = in_background(lambda: ground.run(steps, hooks, lock_timeouts=(0.1, 0.2, 0.3)))
            until(lambda: list(ground.statuses().values()).count("done") == 7)
            until(lambda: ground.rows("SELECT lock_waits FROM fleet_task ORDER BY 1 DESC")[0][0] >= 4)
            assert "(long reader)" in ground.rows("SELECT error FROM fleet_task WHERE lock_waits > 0")[0][0]
        thread.join()
    finally:
        over.set()
        reader.join()
    assert results[0].outcome is Outcome.DONE
    check_everything(ground, 8)
    assert max(held) < 0.3 + 0.3 + 0.4, "held up no longer than one try, on a busy machine"
    assert any("tenant_05" in line and "(long reader)" in line for line in hooks.lines)


def test_a_revision_that_reads_data_waits_for_a_locked_table_as_well(ground: Ground) -> None:
    ground.settle(3)
    reading = "assert op.get_bind().scalar(sa.text('SELECT count(*) FROM applied')) == 1"
    ground.history.write("a4", "a3", [reading, "op.drop_column('item', 'colour')"])
    before = ground.steps(to="a3")
    ground.create(before)
    ground.run(before)
    steps = ground.steps("a3")
    assert steps[0].by_alembic
    ground.create(steps, run_id=2)
    with transaction(ground, "SELECT FROM tenant_02.item"):
        thread, results = in_background(lambda: ground.run(steps, run_id=2, lock_timeouts=(0.1,)))
        waits = "SELECT lock_waits, error FROM fleet_task WHERE run_id = 2 AND schema_name = 'tenant_02'"
        until(lambda: bool(results) or ground.rows(waits)[0][0] >= 2)
        assert "(long reader)" in ground.rows(waits)[0][1]
    thread.join()
    assert results[0].outcome is Outcome.DONE, results
    assert set(ground.versions().values()) == {"a4"}


def test_a_schema_that_stays_locked_fails_with_the_name_of_who_is_in_the_way(ground: Ground) -> None:
    ground.settle(2)
    steps = ground.steps()
    ground.create(steps)
    with transaction(ground, "SELECT FROM tenant_01.item"):
        result = ground.run(steps, lock_timeouts=(0.05,), max_lock_waits=2)
    assert result.outcome is Outcome.HALTED
    assert "still locked after 2 tries" in result.reason
    assert "(long reader)" in result.reason
    assert ground.statuses()["tenant_02"] == "pending"


def test_an_old_transaction_does_not_hold_an_index_for_ever(ground: Ground) -> None:
    """CREATE INDEX CONCURRENTLY waits for every older snapshot of the database, wherever it looks."""
    ground.settle(2)
    steps = ground.steps()
    ground.create(steps)
    hooks = Lines()
    with transaction(
        ground, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM pg_class"
    ):
        thread, results = in_background(lambda: ground.run(steps, hooks, concurrent_timeouts=(0.4,)))
        until(lambda: ground.rows("SELECT max(lock_waits) FROM fleet_task")[0][0] >= 2)
        until(lambda: bool(hooks.waiting))
    thread.join()
    assert results[0].outcome is Outcome.DONE
    check_everything(ground, 2)
    assert any("(long reader)" in line for line in hooks.waiting), "it says live who is waited for"


@pytest.mark.parametrize("quiet", ["", " IF NOT EXISTS"], ids=["plainly", "if not exists"])
def test_an_invalid_index_is_replaced_and_never_kept(ground: Ground, quiet: str) -> None:
    ground.settle(3)
    create = f"CREATE INDEX CONCURRENTLY{quiet} ix_item_name ON item (name)"
    ground.history.write("a3", "a2", [IN_AUTOCOMMIT, f"    op.execute('{create}')"])
    with pytest.raises(psycopg2.errors.UniqueViolation):
        ground.rows("CREATE UNIQUE INDEX CONCURRENTLY ix_item_name ON tenant_02.item ((1))")
    assert ground.invalid_indexes() == ["tenant_02.ix_item_name"]
    steps = ground.steps()
    ground.create(steps)
    assert ground.run(steps).outcome is Outcome.DONE
    check_everything(ground, 3)
    assert ground.rows("SELECT pg_get_indexdef('tenant_02.ix_item_name'::regclass)")[0][0].endswith("(name)")


def test_the_same_index_is_taken_as_done_but_no_other_of_its_name(
    ground: Ground,
) -> None:
    ground.settle(3)
    steps = ground.steps()
    ground.create(steps)
    ground.rows("CREATE INDEX ix_item_name ON tenant_02.item (name)")
    ground.rows("CREATE INDEX ix_item_name ON tenant_03.item (id)")
    result = ground.run(steps)
    assert [schema for schema, _ in result.failures] == ["tenant_03"]
    assert "another index is called ix_item_name" in result.reason
    assert ground.statuses()["tenant_02"] == "done"
    assert not ground.rows("SELECT FROM pg_namespace WHERE nspname = 'fleet_index_trial'")


def test_a_failed_unique_index_is_cleared_away(ground: Ground) -> None:
    ground.settle(2)
    create = "CREATE UNIQUE INDEX CONCURRENTLY ix_item_name ON item (name)"
    ground.history.write("a3", "a2", [IN_AUTOCOMMIT, f"    op.execute('{create}')"])
    ground.rows("INSERT INTO tenant_01.item (name) VALUES ('item 1')")
    steps = ground.steps()
    ground.create(steps)
    result = ground.run(steps)
    assert "could not create unique index" in result.reason
    assert "item 1" not in result.reason, "what people typed stays out of it"
    assert ground.invalid_indexes() == []


def test_two_runners_at_once_share_the_work(ground: Ground) -> None:
    ground.settle(16)
    ground.history.write("a4", "a3", ["op.execute('SELECT pg_sleep(0.05)')"])
    steps = ground.steps()
    ground.create(steps)
    runs = [in_background(lambda: ground.run(steps)) for _ in range(2)]
    for thread, _ in runs:
        thread.join()
    assert [results[0].outcome for _, results in runs] == [Outcome.DONE] * 2
    check_everything(ground, 16)
    assert set(ground.rows("SELECT attempts FROM fleet_task")) == {(1,)}


def test_a_lost_connection_is_opened_anew_and_the_run_goes_on(ground: Ground) -> None:
    ground.settle(12)
    ground.history.write("a2", "a1", [SLOW, "op.execute(\"INSERT INTO applied VALUES ('a2')\")"])
    steps = ground.steps()
    ground.create(steps)
    hooks = Lines()
    thread, results = in_background(lambda: ground.run(steps, hooks))
    until(lambda: ground.rows(BUSY)[0] >= (3, 2))
    assert len(ground.rows(f"SELECT pg_terminate_backend(pid) FROM ({WORKERS}) AS w")) == 2
    thread.join()
    assert results[0].outcome is Outcome.DONE, results
    check_everything(ground, 12)
    assert any("lost its connection" in line for line in hooks.lines)


def test_a_server_that_stays_away_ends_the_run_which_can_be_resumed(ground: Ground) -> None:
    ground.settle(6)
    ground.history.write("a4", "a3", [SLOW])
    steps = ground.steps()
    ground.create(steps)
    database = ground.url.rpartition("/")[2]
    thread, results = in_background(lambda: ground.run(steps, reconnect_seconds=0.2))
    until(lambda: ground.rows(BUSY)[0] >= (1, 1))
    with psycopg2.connect(ground.superuser_url) as link, link.cursor() as at:
        at.execute(f"ALTER DATABASE {database} CONNECTION LIMIT 0")
        link.commit()
        at.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'steward_owner'")
        link.commit()
        until(lambda: not any(worker.name.startswith("steward_fleet_1_") for worker in threading.enumerate()))
        time.sleep(0.15)  # the run waits too, to write down how it ended
        at.execute(f"ALTER DATABASE {database} CONNECTION LIMIT -1")
    link.close()
    ground.close()
    thread.join()
    assert results[0].outcome is Outcome.HALTED
    assert "the connection is lost" in results[0].reason
    assert ground.run(steps).outcome is Outcome.DONE
    check_everything(ground, 6)


def test_a_schema_somebody_else_works_in_is_waited_for_without_a_lock_on_its_tables(ground: Ground) -> None:
    ground.settle(2)
    steps = ground.steps()
    ground.create(steps)
    with ground.link() as link, link.cursor() as at:
        with locking.held(at, "tenant_01") as is_held:
            assert is_held
            thread, results = in_background(lambda: ground.run(steps))
            until(
                lambda: (
                    ground.rows("SELECT attempts, status FROM fleet_task ORDER BY 1 DESC")[0]
                    == (1, "pending")
                )
            )
        thread.join()
        assert results[0].outcome is Outcome.DONE
        with locking.held(at, "tenant_01") as is_held:
            assert is_held, "the run gave it free"


def test_connections_are_made_anew_after_so_many_schemas(ground: Ground) -> None:
    ground.settle(6)
    steps = ground.steps()
    ground.create(steps)
    opened: list[str] = []
    original = tasks.connect

    def connect(url: str, application: str = "x") -> psycopg2.extensions.connection:
        opened.append(application)
        return original(url, application)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "connect", connect)
        assert ground.run(steps, workers=1, recycle_after=2).outcome is Outcome.DONE
    assert opened.count(f"steward_fleet_{RUN}_0") >= 3
    check_everything(ground, 6)
