"""Data changes over a fleet: every row once, whatever happens in between."""

import random
import time
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from threading import Timer

import psycopg2
import pytest

from dashboard.schema_migrations.backfills import running
from dashboard.schema_migrations.backfills.batches import Who
from dashboard.schema_migrations.backfills.declared import DataChange
from dashboard.schema_migrations.backfills.pressure import Standbys
from dashboard.schema_migrations.backfills.running import Outcome, run_change
from tests.schema_migrations.backfills.conftest import REACHED, ROWS, SCHEMAS, Fleet, Listener, change_of

WHO = Who("ada@example.com", "run-1")
ONCE = {(schema, 1): ROWS for schema in SCHEMAS}


def run(fleet: Fleet, follower: Listener | None = None, change: DataChange | None = None) -> Outcome:
    return run_change(fleet.url, change or change_of(), REACHED, who=WHO, follower=follower or Listener())


def _start(fleet: Fleet) -> BaseProcess:
    """A process at work that may be killed; its batches are small and slow."""
    sql = "WITH slowed AS (SELECT pg_sleep(0.02)) UPDATE item SET hits = hits + 1 FROM slowed"
    change = change_of(f"{sql} WHERE id > :after AND id <= :upto", batch=20)
    process = get_context("fork").Process(target=run, args=(fleet, None, change))
    process.start()
    return process


def test_every_row_of_every_tenant_is_changed_once(fleet: Fleet) -> None:
    follower = Listener()
    outcome = run(fleet, follower)
    assert (outcome.done, outcome.rows, outcome.failed) == (3, 3 * ROWS, [])
    assert fleet.hits() == ONCE
    assert fleet.progress() == dict.fromkeys(SCHEMAS, ("done", ROWS, ROWS))
    assert follower.last == (3 * ROWS, 3 * ROWS)


def test_a_second_run_finds_nothing_to_do(fleet: Fleet) -> None:
    run(fleet)
    assert run(fleet) == Outcome()
    assert fleet.hits() == ONCE


def test_history_can_name_who_started_it(fleet: Fleet) -> None:
    run(fleet)
    assert fleet.ask("SELECT DISTINCT actor FROM tenant_b.item") == [("ada@example.com",)]


def test_a_stopped_run_goes_on_where_it_was(fleet: Fleet) -> None:
    with pytest.raises(Listener.Stopped):
        run(fleet, Listener(stop_after=7))
    stopped = fleet.progress()
    assert "running" not in {status for status, _, _ in stopped.values()}, "a stopped tenant waits"
    assert 0 < sum(done for _, done, _ in stopped.values()) < 3 * ROWS
    assert run(fleet).done == 3
    assert fleet.hits() == ONCE


def test_killed_with_9_again_and_again_no_batch_is_done_twice(fleet: Fleet) -> None:
    kills = 0
    for seed in range(3):
        process = _start(fleet)
        before = _done(fleet)
        while _done(fleet) < before + 60 and process.is_alive():
            time.sleep(0.02)
        time.sleep(random.Random(seed).random() * 0.02)
        kills += process.is_alive()
        process.kill()
        process.join()
    assert kills == 3
    assert 0 < _done(fleet) < 3 * ROWS
    assert run(fleet).failed == []
    assert fleet.hits() == ONCE
    assert fleet.progress() == dict.fromkeys(SCHEMAS, ("done", ROWS, ROWS))


def _done(fleet: Fleet) -> int:
    return sum(done for _, done, _ in fleet.progress().values())


def test_two_runners_at_once_share_the_work(fleet: Fleet) -> None:
    """The queue's lock keeps them apart; a worker that was given up for dead may still write."""
    processes = [_start(fleet) for _ in range(2)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert fleet.hits() == ONCE


def test_a_locked_tenant_is_waited_for_in_short_tries(fleet: Fleet) -> None:
    follower = Listener()
    with closing(psycopg2.connect(fleet.url)) as other, other.cursor() as at:
        at.execute("SELECT FROM tenant_a.item WHERE id = 3 FOR UPDATE")
        Timer(0.6, other.rollback).start()
        outcome = run(fleet, follower)
    assert outcome.done == 3
    assert any("trying again" in text for text in follower.texts)
    assert fleet.hits() == ONCE


def test_a_tenant_locked_too_long_does_not_hold_up_the_others(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LOCK_TRIES", 2)
    with closing(psycopg2.connect(fleet.url)) as other, other.cursor() as at:
        at.execute("LOCK TABLE tenant_a.item IN SHARE MODE")
        outcome = run(fleet)
    assert outcome.failed == ["tenant_a"]
    assert fleet.progress()["tenant_a"][0] == "failed"
    assert fleet.progress()["tenant_c"] == ("done", ROWS, ROWS)
    assert run(fleet).done == 1
    assert fleet.hits() == ONCE


def test_a_tenant_whose_rows_refuse_leaves_nothing_and_stops_nobody(fleet: Fleet) -> None:
    fleet.ask("ALTER TABLE tenant_b.item ADD CHECK (hits = 0 OR id <= 300)")
    outcome = run(fleet)
    assert outcome.failed == ["tenant_b"]
    status, done, _ = fleet.progress()["tenant_b"]
    assert (status, done) == ("failed", 100), "two batches are whole, the third is not begun"
    assert fleet.hits()["tenant_b", 1] == 100
    assert "violates check constraint" in fleet.ask("SELECT max(error) FROM public.backfill_progress")[0][0]
    fleet.ask("ALTER TABLE tenant_b.item DROP CONSTRAINT item_check")
    run(fleet)
    assert fleet.hits() == ONCE


def test_a_statement_that_fails_everywhere_ends_the_run(fleet: Fleet) -> None:
    wrong = change_of("UPDATE item SET nowhere = 1 WHERE id > :after AND id <= :upto")
    with pytest.raises(psycopg2.errors.UndefinedColumn):
        run(fleet, change=wrong)
    assert {status for status, _, _ in fleet.progress().values()} == {"failed"}


def test_a_tenant_behind_the_revision_is_left_alone_and_named(fleet: Fleet) -> None:
    fleet.ask("UPDATE public.schema_head SET revision = '0001' WHERE schema_name = 'tenant_c'")
    outcome = run(fleet)
    assert outcome.behind == ["tenant_c"]
    assert fleet.progress()["tenant_c"][0] == "pending"
    fleet.ask("UPDATE public.schema_head SET revision = '0003' WHERE schema_name = 'tenant_c'")
    assert run(fleet).done == 1
    assert fleet.hits() == ONCE


def test_only_rows_that_need_it_are_gone_through(fleet: Fleet) -> None:
    fleet.ask("UPDATE tenant_a.item SET hits = 9 WHERE id <= 900")
    sql = "UPDATE item SET hits = hits + 1 WHERE id > :after AND id <= :upto AND hits = 0"
    run(fleet, change=change_of(sql, only="hits = 0"))
    assert fleet.progress()["tenant_a"] == ("done", 100, 100)
    assert fleet.hits()["tenant_a", 9] == 300


def test_rows_may_be_deleted_and_a_percent_sign_stays_one(fleet: Fleet) -> None:
    sql = "DELETE FROM item WHERE id > :after AND id <= :upto AND 'a%b' LIKE 'a%'"
    run(fleet, change=change_of(sql, only="'%' <> ''"))
    assert fleet.ask("SELECT count(*) FROM tenant_a.item") == [(0,)]


def test_starting_over_goes_through_one_tenant_again(fleet: Fleet) -> None:
    run(fleet)
    run_change(fleet.url, change_of(), REACHED, who=WHO, follower=Listener(), start_over=["tenant_a"])
    assert fleet.hits() == {("tenant_a", 2): ROWS, ("tenant_b", 1): ROWS, ("tenant_c", 1): ROWS}


def test_a_deleted_tenant_is_forgotten(fleet: Fleet) -> None:
    run(fleet)
    fleet.ask("DROP SCHEMA tenant_a CASCADE; DELETE FROM public.schema_head WHERE schema_name = 'tenant_a'")
    run(fleet)
    assert set(fleet.progress()) == {"tenant_b", "tenant_c"}


def test_slow_batches_become_smaller(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "TARGET_SECONDS", 0.0)
    run(fleet)
    keys = fleet.ask("SELECT count(DISTINCT xmin::text) FROM tenant_a.item")[0][0]
    assert keys > ROWS / 50


def test_standbys_that_fall_behind_are_waited_for(fleet: Fleet) -> None:
    answers = iter(["dr is 90 MB behind", "dr is 70 MB behind"])
    follower = Listener()
    outcome = run_change(
        fleet.url, change_of(), REACHED, who=WHO, follower=follower, late=lambda: next(answers, "")
    )
    assert outcome.done == 3
    assert sum("waiting, dr is" in text for text in follower.texts) == 2


def test_without_standbys_or_without_an_answer_nobody_is_waited_for(fleet: Fleet) -> None:
    assert Standbys(fleet.url).late() == ""
    assert Standbys("postgresql://nobody@127.0.0.1:1/none").late() == ""
