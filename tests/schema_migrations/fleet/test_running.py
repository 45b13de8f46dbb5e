"""A run over a small fleet: everything arrives, what fails stops the rest, and nothing is done twice."""

import pytest

from dashboard.schema_migrations.fleet import tasks
from dashboard.schema_migrations.fleet.ledger import reconcile
from dashboard.schema_migrations.fleet.running import Outcome, Progress, Quiet
from dashboard.schema_migrations.fleet.waves import Candidate, split
from tests.schema_migrations.fleet.ground import INDEX, RUN, Ground


def test_a_column_and_a_concurrent_index_reach_every_schema(ground: Ground) -> None:
    tenants = ground.settle(12, spares=2)
    steps = ground.steps()
    assert ground.create(steps).schemas == 14
    result = ground.run(steps)
    assert result.outcome is Outcome.DONE, result
    assert result.counts == {"pending": 0, "running": 0, "done": 14, "failed": 0, "skipped": 0}
    assert set(ground.versions().values()) == {"a3"}
    assert ground.ledger() == ground.versions()
    assert set(ground.applied().values()) == {1}
    assert ground.indexed() >= set(tenants)
    assert ground.invalid_indexes() == []
    lines = ground.rows(
        "SELECT from_revision, to_revision, applied_by, count(*) FROM tenant_revision GROUP BY 1, 2, 3"
    )
    assert sorted(lines) == [("a1", "a2", "dba@example.com", 12), ("a2", "a3", "dba@example.com", 12)]


def test_a_canary_that_fails_leaves_everybody_else_alone(ground: Ground) -> None:
    tenants = ground.settle(6, spares=1)
    ground.history.write("a4", "a3", ["op.execute('ALTER TABLE item ADD CHECK (name <> \\'bad\\')')"])
    ground.rows("INSERT INTO tenant_04.item (name) VALUES ('bad')")
    steps = ground.steps()
    assert ground.create(steps, canary="tenant_04").canary == "tenant_04"
    result = ground.run(steps)
    assert result.outcome is Outcome.HALTED
    assert "tenant_04" in result.reason
    assert "violated by some row" in result.reason
    untouched = {name for name, version in ground.versions().items() if version == "a1"}
    assert untouched == {*tenants, "spare_1"} - {"tenant_04"}
    assert ground.versions()["tenant_04"] == ground.ledger()["tenant_04"] == "a3", (
        "what it had done stays done"
    )


def test_a_single_tenant_goes_before_the_spares(ground: Ground) -> None:
    ground.settle(1, spares=2)
    ground.history.write("a4", "a3", ["op.execute('SELECT nothing')"])
    steps = ground.steps()
    ground.create(steps)
    assert ground.run(steps).outcome is Outcome.HALTED
    assert ground.statuses() == {"tenant_01": "failed", "spare_1": "pending", "spare_2": "pending"}


def test_a_failure_later_on_halts_and_once_mended_the_run_goes_on(ground: Ground) -> None:
    ground.settle(12)
    ground.history.write("a4", "a3", ["op.execute('ALTER TABLE item ADD CHECK (name <> \\'bad\\')')"])
    ground.rows("INSERT INTO tenant_03.item (name) VALUES ('bad')")
    steps = ground.steps()
    ground.create(steps)
    assert ground.run(steps).failures[0][0] == "tenant_03"
    waves = dict(ground.rows("SELECT schema_name, wave FROM fleet_task"))
    last = [name for name, wave in waves.items() if wave == max(waves.values())]
    assert {ground.versions()[name] for name in last} == {"a1"}, "the next wave does not begin"
    assert ground.run(steps).outcome is Outcome.HALTED, "it stays halted until somebody decides"
    ground.rows("DELETE FROM tenant_03.item WHERE name = 'bad'")
    with tasks.queue(ground.url) as at:
        assert tasks.retry(at, RUN) == 1
    assert ground.run(steps).outcome is Outcome.DONE
    assert set(ground.versions().values()) == {"a4"}
    assert set(ground.applied().values()) == {1}


def test_a_schema_is_left_out_with_a_reason(ground: Ground) -> None:
    ground.settle(3)
    steps = ground.steps()
    ground.create(steps)
    with tasks.queue(ground.url) as at:
        tasks.skip(at, RUN, "tenant_02", "the customer moves house today")
        with pytest.raises(tasks.FleetError, match="not waiting"):
            tasks.skip(at, RUN, "tenant_02", "again")
        with pytest.raises(tasks.FleetError, match="Say why"):
            tasks.skip(at, RUN, "tenant_03", " ")
    assert ground.run(steps).counts["skipped"] == 1
    assert ground.versions()["tenant_02"] == "a1"


def test_an_unknown_canary_is_refused(ground: Ground) -> None:
    ground.settle(2)
    with pytest.raises(tasks.FleetError, match="nothing to do"):
        ground.create(ground.steps(), canary="tenant_99")


def test_the_way_back_runs_through_the_same_runner(ground: Ground) -> None:
    ground.settle(5)
    steps = ground.steps()
    ground.create(steps)
    ground.run(steps)
    down = ground.steps("a3", "a1")
    ground.create(down, run_id=2)
    assert ground.run(down, run_id=2).outcome is Outcome.DONE
    assert set(ground.versions().values()) == set(ground.ledger().values()) == {"a1"}
    assert ground.indexed() == set()
    assert not ground.rows("SELECT FROM information_schema.columns WHERE column_name = 'colour'")


def test_schemas_at_different_revisions_each_go_on_from_their_own(ground: Ground) -> None:
    ground.settle(4)
    first = ground.steps(to="a2")
    ground.create(first, schemas=["tenant_02", "tenant_03"])
    ground.run(first)
    ground.rows("UPDATE tenant_04.alembic_version SET version_num = 'of another release'")
    steps = ground.steps()
    created = ground.create(steps, run_id=2)
    assert created.schemas == 3
    assert created.left_out == ("tenant_04",)
    assert ground.run(steps, run_id=2).outcome is Outcome.DONE
    assert ground.applied() == {"tenant_01": 1, "tenant_02": 1, "tenant_03": 1, "tenant_04": 0}


def test_a_revision_that_reads_data_runs_by_alembic_with_its_bookkeeping(ground: Ground) -> None:
    ground.settle(4)
    body = [
        "count = op.get_bind().scalar(sa.text('SELECT count(*) FROM item'))",
        "op.execute(f\"INSERT INTO applied VALUES ('counted {count}')\")",
        "op.create_table('extra', sa.Column('id', sa.BigInteger(), primary_key=True))",
        "assert count == 20, 'an odd number of items'",
    ]
    ground.history.write("a4", "a3", body)
    ground.rows("DELETE FROM tenant_04.item WHERE id = 1")
    steps = ground.steps()
    ground.create(steps, canary="tenant_01")
    result = ground.run(steps, workers=4)
    assert result.failures == (("tenant_04", "AssertionError: an odd number of items"),)
    assert ground.rows("SELECT to_regclass('tenant_04.extra'), to_regclass('tenant_01.extra') IS NULL") == [
        (None, False)
    ]
    assert ground.rows("SELECT revision FROM tenant_01.applied ORDER BY 1") == [("a2",), ("counted 20",)]
    assert (ground.versions()["tenant_04"], ground.versions()["tenant_01"]) == ("a3", "a4")


def test_statements_of_a_step_share_their_patience_for_locks(ground: Ground) -> None:
    """Whoever reads what the first ones have locked waits for all of them."""
    ground.settle(1)
    noted = "op.execute(\"INSERT INTO applied VALUES (current_setting('lock_timeout'))\")"
    ground.history.write("a2", "a1", [noted, "op.execute('SELECT pg_sleep(0.3)')", noted])
    steps = ground.steps(to="a2")
    ground.create(steps)
    ground.run(steps, lock_timeouts=(0.35,))
    assert ground.rows("SELECT revision FROM tenant_01.applied") == [("350ms",), ("100ms",)]


def test_a_run_pauses_between_two_schemas_and_goes_on_later(ground: Ground) -> None:
    ground.settle(10)
    ground.history.write("a4", "a3", ["op.execute('SELECT pg_sleep(0.1)')"])
    steps = ground.steps()
    ground.create(steps)
    result = ground.run(steps, Pausing())
    assert (result.outcome, result.reason) == (Outcome.STOPPED, "paused by dba@example.com")
    assert result.counts["running"] == 0
    assert result.counts["pending"] > 0
    assert ground.run(steps).outcome is Outcome.DONE
    assert set(ground.applied().values()) == {1}


class Pausing(Quiet):
    """Hooks that stop a run as soon as they are asked a second time."""

    asked = 0

    def stop_reason(self) -> str:
        self.asked += 1
        return "paused by dba@example.com" if self.asked > 1 else ""


def test_an_exception_of_a_hook_ends_the_run_in_good_order(ground: Ground) -> None:
    class Cancelled(BaseException):
        pass

    class Leaving(Quiet):
        def progress(self, progress: Progress) -> None:
            raise Cancelled(progress)

    ground.settle(5)
    steps = ground.steps()
    ground.create(steps)
    with pytest.raises(Cancelled):
        ground.run(steps, Leaving())
    assert ground.rows("SELECT FROM fleet_task WHERE status = 'running'") == []
    assert ground.run(steps).outcome is Outcome.DONE


def test_a_schema_that_vanished_is_left_out_and_public_is_not_touched(ground: Ground) -> None:
    ground.settle(3)
    steps = ground.steps()
    ground.create(steps)
    ground.rows(
        "CREATE TABLE public.item (id bigint, name text); CREATE TABLE public.applied (revision text)"
    )
    ground.rows("DROP SCHEMA tenant_02 CASCADE")
    try:
        assert ground.run(steps).outcome is Outcome.DONE
        assert ground.statuses()["tenant_02"] == "skipped"
        columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.item'::regclass AND attnum > 0"
        assert ground.rows(columns) == [(2,)]
    finally:
        ground.rows(
            "DROP TABLE public.item, public.applied; DELETE FROM schema_head WHERE schema_name = 'tenant_02'"
        )


@pytest.mark.parametrize(
    "lines",
    [
        ["op.execute('CREATE TABLE n.extra (id bigint)')"],
        [INDEX[0], "    op.execute('CREATE INDEX CONCURRENTLY i ON item (name n.some_ops)')"],
    ],
    ids=["in a transaction", "outside of one"],
)
def test_a_schema_that_a_statement_misses_is_not_the_tenants(ground: Ground, lines: list[str]) -> None:
    ground.settle(3)
    ground.history.write("a4", "a3", lines)
    steps = ground.steps()
    ground.create(steps, canary="tenant_02")
    result = ground.run(steps)
    assert result.outcome is Outcome.HALTED, result
    [(schema, reason)] = result.failures
    assert (schema, ground.versions()[schema]) == ("tenant_02", "a3")
    assert '"n" does not exist' in reason
    assert result.counts["skipped"] == result.counts["done"] == 0


def test_a_renamed_schema_is_migrated_under_its_new_name(ground: Ground) -> None:
    ground.settle(2, spares=1)
    steps = ground.steps()
    ground.create(steps)
    ground.rows("ALTER SCHEMA spare_1 RENAME TO tenant_new")
    ground.rows("UPDATE schema_head SET schema_name = 'tenant_new' WHERE schema_name = 'spare_1'")
    with tasks.queue(ground.url) as at:
        assert tasks.follow_rename(at, "spare_1", "tenant_new") == 1
    assert ground.run(steps).outcome is Outcome.DONE
    assert ground.versions()["tenant_new"] == "a3"


def test_the_ledger_follows_the_schemas_own_versions(ground: Ground) -> None:
    ground.settle(3)
    ground.rows("UPDATE tenant_02.alembic_version SET version_num = 'a2'")
    ground.rows("DELETE FROM schema_head WHERE schema_name = 'tenant_03'")
    with tasks.queue(ground.url) as at:
        found = reconcile(at)
        assert [(one.schema, one.ledger, one.actual) for one in found] == [
            ("tenant_02", "a1", "a2"),
            ("tenant_03", None, "a1"),
        ]
        assert reconcile(at) == []
    assert ground.ledger() == ground.versions()


def test_a_version_other_than_planned_stops_the_run_and_keeps_nothing(ground: Ground) -> None:
    ground.settle(2)
    steps = ground.steps()
    ground.create(steps)
    ground.rows("UPDATE tenant_01.alembic_version SET version_num = 'a9'")
    result = ground.run(steps)
    assert result.failures == (("tenant_01", "tenant_01 does not stand at a1, where this step begins"),)
    assert ground.applied() == {"tenant_01": 0, "tenant_02": 0}


def candidates(tenants: int, spares: int = 0) -> list[Candidate]:
    """Tenants by growing size, then spares."""
    return [Candidate(f"t{n}", "tenant", "a1", n) for n in range(tenants)] + [
        Candidate(f"s{n}", "spare", "a1", 0) for n in range(spares)
    ]


def test_waves_grow_and_end_with_what_nobody_works_in() -> None:
    waves = split(candidates(100, spares=3), canary="t7")
    assert [len(wave) for wave in waves] == [1, 4, 20, 78]
    assert waves[0][0].schema == "t7"
    assert [one.kind for one in waves[-1][-3:]] == ["spare"] * 3
    assert [[one.schema for one in wave] for wave in split(candidates(0, spares=2))] == [["s0"], ["s1"]]
    assert split([]) == []
