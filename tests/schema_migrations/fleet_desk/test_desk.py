"""Plan, approve and run at the desk: what is refused, what halts, and what goes on."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from dashboard.health.alerting import stands_still
from dashboard.health.models import Reading
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations import queries
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun
from dashboard.schema_migrations.fleet.queries import READING
from tests.schema_migrations.fleet_desk.desk import NO_BACKUP, Desk

pytestmark = pytest.mark.commits
PLANS = "/database/migrations/plans/"
RUNS = "/database/migrations/runs/"
CHECK = ["op.execute('ALTER TABLE item ADD CONSTRAINT good CHECK (name <> \\'bad\\')')"]


def known_at_the_desk() -> dict[str | None, int]:
    """How many schemas stand at each revision, as the desk's page has it."""
    return Counter(row.revision for row in queries.get_ledger(None).rows)


def test_staff_see_neither_plans_nor_runs(desk: Desk) -> None:
    staff = desk.browser("staff")
    for address in (PLANS, f"{PLANS}1/", f"{RUNS}1/", f"{RUNS}1/report.csv"):
        assert staff.get(address).status_code == 403, address
    assert staff.post(PLANS, data={"to": "head"}).status_code == 403


def test_an_empty_desk_says_what_to_do(desk: Desk) -> None:
    html = desk.browser().get(PLANS).text
    assert "No plan yet" in html
    assert "No run yet" in html
    assert desk.browser().get(f"{PLANS}99/").status_code == 404
    assert desk.browser().get(f"{RUNS}99/").status_code == 404


def test_a_plan_is_asked_for_and_shows_all_one_must_know(desk: Desk) -> None:
    desk.ground.settle(3, spares=1)
    browser = desk.browser()
    assert browser.post(PLANS, data={"to": "head"}).status_code == 302
    assert "A plan is being made" in browser.get(PLANS).text
    plan = desk.plan()
    assert (plan.direction, plan.fleet["start"], plan.to_revision, plan.status) == ("up", "a1", "a3", "draft")
    assert (plan.fleet["schemas"], plan.fleet["spares"], plan.fleet["by_revision"]) == (4, 1, {"a1": 4})
    html = browser.get(f"{PLANS}{plan.id}/").text
    assert '<span class="sql-keyword">ALTER</span>' in html
    assert "outside a transaction" in html
    assert "ACCESS EXCLUSIVE" in html.upper()
    assert plan.sql_hash in html
    assert "Approve this plan" in html
    assert "Start a run" not in html


def test_nothing_to_plan_is_said_on_the_page(desk: Desk) -> None:
    desk.ground.settle(2)
    run = desk.do("fleet.plan", to="a1")
    assert run.status == "failed"
    assert "All 2 schemas stand at a1" in desk.browser().get(PLANS).text


def test_only_the_right_hash_approves(desk: Desk) -> None:
    desk.ground.settle(1)
    plan, browser = desk.plan(), desk.browser()
    address, sql_hash = f"{PLANS}{plan.id}/approve", plan.sql_hash
    for typed in ("deadbeef", "", sql_hash[:7], sql_hash + "0"):
        refused = browser.post(address, data={"sql_hash": typed, "note": "Nobody minds in a test."})
        assert refused.status_code == 422, typed
        assert 'role="alert" tabindex="-1" autofocus' in refused.text, "the form is far down the page"
        assert desk.newest(FleetPlan).status == "draft"
    assert browser.post(address, data={"sql_hash": sql_hash, "note": ""}).status_code == 302
    assert desk.newest(FleetPlan).status == "approved"


def test_a_dangerous_plan_needs_a_note(desk: Desk) -> None:
    desk.ground.settle(1)
    desk.ground.history.write("a4", "a3", ["op.execute('TRUNCATE item')"])
    plan = desk.plan()
    assert "danger" in {row["level"] for row in plan.findings}
    browser, address = desk.browser(), f"{PLANS}{plan.id}/approve"
    refused = browser.post(address, data={"sql_hash": plan.sql_hash[:8], "note": "short"})
    assert refused.status_code == 422
    assert "say in at least 10 characters" in refused.text
    assert browser.post(address, data={"sql_hash": plan.sql_hash[:8], "note": "x" * 10}).status_code == 302


def test_files_that_changed_since_make_a_plan_stale(desk: Desk) -> None:
    desk.ground.settle(2)
    browser = desk.browser()
    draft = desk.plan()
    desk.ground.history.write("a2", "a1", ["op.add_column('item', sa.Column('size', sa.Text()))"])
    answer = browser.post(
        f"{PLANS}{draft.id}/approve", data={"sql_hash": draft.sql_hash[:8], "note": "x" * 10}
    )
    assert answer.status_code == 409
    assert desk.newest(FleetPlan).status == "stale"
    assert "This plan is stale" in browser.get(f"{PLANS}{draft.id}/").text
    plan = desk.approved(browser)
    run = desk.started(browser, plan)
    desk.ground.history.write("a2", "a1", ["op.add_column('item', sa.Column('width', sa.Text()))"])
    job = desk.work(run)
    assert job.status == "failed"
    assert desk.newest(FleetRun).status == "halted"
    assert set(desk.ground.versions().values()) == {"a1"}, "nothing ran that was not approved"


def test_a_run_without_a_backup_needs_a_reason_that_stays_in_sight(desk: Desk) -> None:
    desk.ground.settle(2)
    browser = desk.browser()
    plan = desk.approved(browser)
    form = {"waves": "100", "workers": "1", "skip_backup": "y"}
    for reason in ("", "too short"):
        refused = browser.post(f"{PLANS}{plan.id}/start", data=form | {"reason": reason})
        assert refused.status_code == 422
        assert "why there is no backup" in refused.text
    run = desk.started(browser, plan)
    assert desk.work(run).status == "succeeded"
    assert NO_BACKUP in browser.get(f"{RUNS}{run.id}/").text
    assert desk.newest(FleetRun).backup_skipped == NO_BACKUP


def test_without_barman_a_run_halts_before_the_first_schema(desk: Desk) -> None:
    desk.ground.settle(2)
    browser = desk.browser()
    run = desk.started(browser, desk.approved(browser), skip_backup="", reason="")
    job = desk.work(run)
    assert job.status == "failed"
    assert desk.newest(FleetRun).status == "halted"
    assert desk.newest(FleetRun).started_at is None
    assert desk.ground.statuses(run.id) == {}
    assert "Barman" in browser.get(f"{RUNS}{run.id}/").text


def test_waves_that_make_no_sense_are_refused(desk: Desk) -> None:
    desk.ground.settle(1)
    browser = desk.browser()
    address = f"{PLANS}{desk.approved(browser).id}/start"
    form = {"workers": "1", "skip_backup": "y", "reason": NO_BACKUP}
    for waves in ("25", "100, 25", "many", "0, 100"):
        assert browser.post(address, data=form | {"waves": waves}).status_code == 422, waves
    assert desk.find_newest(FleetRun) is None


def test_a_whole_run_ends_with_a_report(desk: Desk) -> None:
    tenants = desk.ground.settle(8, spares=1)
    browser = desk.browser()
    plan = desk.approved(browser)
    run = desk.started(browser, plan, canary="tenant-05")
    waiting = browser.get(f"{RUNS}{run.id}/").text
    assert "Before the first schema" in waiting
    assert "data-finished" not in waiting
    job = desk.work(run)
    assert (job.status, (job.result or {})["done"]) == ("succeeded", 9), job.error
    assert set(desk.ground.versions().values()) == {"a3"}
    done = desk.newest(FleetRun)
    assert (done.status, desk.newest(FleetPlan).status) == ("done", "done")
    assert done.finished_at is not None
    html = browser.get(f"{RUNS}{run.id}/").text
    assert html.count('class="fleet-cell is-done"') == 9 + 1, "the legend has one, too"
    assert "data-finished" in html
    assert "Canary" in html
    lines = browser.get(f"{RUNS}{run.id}/report.csv").text.splitlines()
    assert lines[0].startswith("schema,tenant,wave,state")
    assert lines[1].startswith("tenant_05,tenant-05,0,done,a1,a3")
    assert {line.split(",")[0] for line in lines[1:]} == {*tenants, "spare_1"}
    assert known_at_the_desk() == {"a3": 9}, "no probe has to come by first"
    assert desk.ground.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    assert desk.ground.rows("SELECT count(*) FROM public.maintenance") == [(0,)]


def test_a_failed_canary_stops_and_a_retry_goes_on_once_mended(desk: Desk) -> None:
    desk.ground.settle(6)
    desk.ground.history.write("a4", "a3", CHECK)
    desk.ground.rows("INSERT INTO tenant_02.item (name) VALUES ('bad')")
    browser = desk.browser()
    run = desk.started(browser, desk.approved(browser), canary="tenant-02")
    job = desk.work(run)
    assert job.status == "failed"
    assert "Halted" in job.error
    assert {name for name, at in desk.ground.versions().items() if at != "a1"} == {"tenant_02"}
    assert known_at_the_desk() == {"a1": 5, desk.ground.versions()["tenant_02"]: 1}
    html = browser.get(f"{RUNS}{run.id}/").text
    assert "violated by some row" in html
    assert "Retry all failed" in html
    desk.ground.rows("DELETE FROM tenant_02.item WHERE name = 'bad'")
    assert browser.post(f"{RUNS}{run.id}/retry").status_code == 302
    assert desk.work(run).status == "succeeded"
    assert set(desk.ground.versions().values()) == {"a4"}


def test_a_schema_is_left_out_with_a_reason_and_the_rest_goes_on(desk: Desk) -> None:
    desk.ground.settle(4)
    desk.ground.history.write("a4", "a3", CHECK)
    desk.ground.rows("INSERT INTO tenant_01.item (name) VALUES ('bad')")
    browser = desk.browser()
    run = desk.started(browser, desk.approved(browser))
    desk.work(run)
    address = f"{RUNS}{run.id}/skip/tenant_01"
    assert "Why it is left out" in browser.get(address).text
    assert browser.post(address, data={"reason": "no"}).status_code == 422
    assert "Mend the cause and retry" in browser.get(f"{RUNS}{run.id}/").text
    assert browser.post(address, data={"reason": "Its data is mended tomorrow."}).status_code == 302
    assert "What failed has been decided: resume" in browser.get(f"{RUNS}{run.id}/").text
    assert browser.post(f"{RUNS}{run.id}/resume").status_code == 302
    assert desk.work(run).status == "succeeded"
    assert desk.ground.statuses(run.id)["tenant_01"] == "skipped"
    assert "mended tomorrow" in browser.get(f"{RUNS}{run.id}/report.csv").text
    html = browser.get(f"{RUNS}{run.id}/").text
    assert "3 of 4 schemas stand at a4. 1 left out" in html
    assert "This page can be left" not in html, "nothing goes on any more"


def test_nobody_misses_what_a_run_tells_once_it_is_over(desk: Desk) -> None:
    desk.ground.settle(1)
    browser = desk.browser()
    desk.work(desk.started(browser, desk.approved(browser)))
    with control_transaction() as session:
        told = session.get_one(Reading, READING)
        told.taken_at = datetime.now(UTC) - timedelta(days=1)
        assert told.data["settled"] == 1
        assert not stands_still(told)
        assert not told.is_stale


def test_a_second_run_is_refused_while_one_is_open_and_cancelling_frees_the_desk(desk: Desk) -> None:
    desk.ground.settle(2)
    browser = desk.browser()
    plan = desk.approved(browser)
    run = desk.started(browser, plan)
    form = {"waves": "100", "workers": "1", "skip_backup": "y", "reason": NO_BACKUP}
    assert browser.post(f"{PLANS}{plan.id}/start", data=form).status_code == 409
    assert "0 of 0 schemas are changed" in browser.get(f"{RUNS}{run.id}/cancel").text
    assert browser.post(f"{RUNS}{run.id}/cancel").status_code == 302
    job = desk.work(run)
    assert (job.status, (job.result or {})["status"]) == ("succeeded", "cancelled")
    assert set(desk.ground.versions().values()) == {"a1"}
    again = desk.started(browser, desk.newest(FleetPlan))
    assert desk.work(again).status == "succeeded"


@pytest.mark.parametrize("is_resumed", [False, True], ids=["nobody works on it", "its job waits"])
def test_a_cancelled_run_leaves_no_schema_waiting(desk: Desk, *, is_resumed: bool) -> None:
    desk.ground.settle(3)
    desk.ground.history.write("a4", "a3", ["op.execute('SELECT nothing')"])
    browser = desk.browser()
    run = desk.started(browser, desk.approved(browser))
    desk.work(run)
    assert sorted(desk.ground.statuses(run.id).values()) == ["failed", "pending", "pending"]
    if is_resumed:
        assert browser.post(f"{RUNS}{run.id}/resume").status_code == 302
    assert browser.post(f"{RUNS}{run.id}/cancel").status_code == 302
    if is_resumed:
        assert "pending" in desk.ground.statuses(run.id).values(), "the job may be at work on them"
        desk.work(run)
    assert sorted(desk.ground.statuses(run.id).values()) == ["failed", "skipped", "skipped"]


def test_a_pause_is_kept_and_resumed(desk: Desk) -> None:
    desk.ground.settle(3)
    browser = desk.browser()
    run = desk.started(browser, desk.approved(browser))
    refused = browser.post(f"{RUNS}{run.id}/pause")
    assert refused.status_code == 409, "before the first schema there is nothing to pause"
    with control_transaction() as session:
        session.execute(text("UPDATE fleet_run SET status = 'running'"))
    assert browser.post(f"{RUNS}{run.id}/pause").status_code == 302
    job = desk.work(run)
    assert job.result == {"run": run.id, "status": "paused"}
    assert set(desk.ground.versions().values()) == {"a1"}
    assert "Paused by fleet-dba" in browser.get(f"{RUNS}{run.id}/").text
    assert browser.post(f"{RUNS}{run.id}/resume").status_code == 302
    assert desk.work(run).status == "succeeded"
    assert set(desk.ground.versions().values()) == {"a3"}


def test_a_downgrade_names_what_is_lost_and_goes_the_same_way(desk: Desk) -> None:
    desk.ground.settle(2)
    browser = desk.browser()
    desk.work(desk.started(browser, desk.approved(browser)))
    plan = desk.approved(browser, to="a1")
    assert plan.direction == "down"
    html = browser.get(f"{PLANS}{plan.id}/").text
    assert "The way back is a restore or a fix forward" in html
    assert "column colour of item" in html
    assert desk.work(desk.started(browser, plan)).status == "succeeded"
    assert set(desk.ground.versions().values()) == {"a1"}
