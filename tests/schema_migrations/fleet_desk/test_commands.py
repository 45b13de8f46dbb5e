"""`flask fleet …` as a script uses it: words, exit codes, and what it refuses."""

import pytest
from click.testing import Result

from dashboard.jobs.locks import try_lock
from dashboard.schema_migrations.fleet import queries
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun
from tests.schema_migrations.fleet_desk.desk import NO_BACKUP, Desk

pytestmark = pytest.mark.commits
CHECK = ["op.execute('ALTER TABLE item ADD CONSTRAINT good CHECK (name <> \\'bad\\')')"]


def fleet(desk: Desk, *arguments: object) -> Result:
    """The outcome of one command."""
    return desk.app.test_cli_runner().invoke(args=["fleet", *map(str, arguments)])


def test_a_script_plans_runs_and_asks_for_the_status(desk: Desk) -> None:
    desk.ground.settle(5)
    assert "there was no run yet" in fleet(desk, "status").output
    planned = fleet(desk, "plan", "--actor", "release")
    plan = desk.newest(FleetPlan)
    assert (planned.exit_code, plan.actor) == (0, "release"), planned.output
    assert f"hash {plan.sql_hash}" in planned.output
    done = fleet(desk, "run", plan.id, "--yes-hash", plan.sql_hash, "--skip-backup", NO_BACKUP)
    assert done.exit_code == 0, done.output
    assert set(desk.ground.versions().values()) == {"a3"}
    status = fleet(desk, "status")
    assert status.exit_code == 0
    assert f"NO BACKUP: {NO_BACKUP}" in status.output
    assert "Canary         1 schemas: 1 done" in status.output
    nothing = fleet(desk, "plan")
    assert (nothing.exit_code, "there is nothing to do" in nothing.output) == (0, True)


def test_a_wrong_hash_or_no_reason_runs_nothing(desk: Desk) -> None:
    desk.ground.settle(1)
    fleet(desk, "plan")
    plan_id, sql_hash = desk.newest(FleetPlan).id, desk.newest(FleetPlan).sql_hash
    assert fleet(desk, "approve", plan_id, "--yes-hash", "deadbeef").exit_code == 1
    assert fleet(desk, "run", plan_id, "--yes-hash", "deadbeef", "--skip-backup", NO_BACKUP).exit_code == 1
    refused = fleet(desk, "run", plan_id, "--yes-hash", sql_hash, "--skip-backup", "because")
    assert (refused.exit_code, "at least 10 characters" in refused.output) == (1, True)
    assert fleet(desk, "plan", "--to", "zz").exit_code == 1
    assert desk.find_newest(FleetRun) is None
    assert set(desk.ground.versions().values()) == {"a1"}


def test_dangerous_findings_have_their_exit_code(desk: Desk) -> None:
    desk.ground.settle(1)
    desk.ground.history.write("a4", "a3", ["op.execute('TRUNCATE item')"])
    planned = fleet(desk, "plan")
    assert planned.exit_code == 5, planned.output
    assert "danger" in planned.output


def test_a_halted_run_is_mended_retried_and_resumed_by_commands(desk: Desk) -> None:
    desk.ground.settle(4)
    desk.ground.history.write("a4", "a3", CHECK)
    desk.ground.rows("INSERT INTO tenant_01.item (name) VALUES ('bad')")
    desk.ground.rows("INSERT INTO tenant_02.item (name) VALUES ('bad')")
    fleet(desk, "plan")
    plan = desk.newest(FleetPlan)
    options = ("--yes-hash", plan.sql_hash[:8], "--note", "Nobody minds.", "--skip-backup", NO_BACKUP)
    halted = fleet(desk, "run", plan.id, *options, "--workers", 1)
    assert halted.exit_code == 3, halted.output
    assert "violated by some row" in halted.output
    run = desk.newest(FleetRun).id
    assert fleet(desk, "pause", run).exit_code == 1, "it is halted already"
    assert fleet(desk, "skip", run, "tenant_01", "--reason", "Mended by hand tomorrow").exit_code == 0
    assert fleet(desk, "resume", run).exit_code == 3
    desk.ground.rows("DELETE FROM tenant_02.item WHERE name = 'bad'")
    retried = fleet(desk, "retry", run)
    assert (retried.exit_code, "1 queued again" in retried.output) == (0, True), retried.output
    assert fleet(desk, "resume", run).exit_code == 0
    assert sorted(desk.ground.versions().values()) == ["a3", "a4", "a4", "a4"]


def test_two_do_not_work_on_one_run(desk: Desk) -> None:
    desk.ground.settle(1)
    fleet(desk, "plan")
    plan = desk.newest(FleetPlan)
    with try_lock(queries.LOCK):
        busy = fleet(desk, "run", plan.id, "--yes-hash", plan.sql_hash, "--skip-backup", NO_BACKUP)
    assert (busy.exit_code, "at work on it" in busy.output) == (1, True), busy.output
    waiting = fleet(desk, "status")
    assert waiting.exit_code == 6
    assert fleet(desk, "resume", desk.newest(FleetRun).id).exit_code == 0
