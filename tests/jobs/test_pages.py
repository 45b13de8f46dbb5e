"""The pages of jobs, also with the broker away."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.jobs import broker, queries, service, timing
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun, RunStatus
from dashboard.jobs.registry import import_jobs, list_jobs
from dashboard.jobs.runner import perform
from dashboard.jobs.slots import Schedule
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.models import TenantRef
from tests.jobs.conftest import StartWorker, read, wait_for

Login = Callable[..., FlaskClient]
DAILY = Schedule("test.daily", "test.add", "Add daily", cron="30 2 * * *", args={"a": 1, "b": 2})
FREQUENT = Schedule("test.often", "test.add", "Add often", every=30, args={"a": 1, "b": 2})


def do(name: str, /, actor: str = SYSTEM_ACTOR, **args: object) -> JobRun:
    run = service.enqueue(name, args, actor=actor)
    perform(str(run.id))
    return read(run)


def text_of(browser: FlaskClient, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
    return answer.get_data(as_text=True)


def test_the_list_pages_through_all_runs_once(jobs: Flask, login: Login) -> None:
    for number in range(60):
        service.enqueue("test.add", {"a": number, "b": 0}, actor=SYSTEM_ACTOR)
    first = queries.list_runs(size=25)
    second = queries.list_runs(before=first.older, size=25)
    third = queries.list_runs(before=second.older, size=25)
    seen = [run.args["a"] for page in (first, second, third) for run in page.runs]
    assert sorted(seen) == list(range(60))
    assert third.older is None
    page = text_of(login("dba"), "/database/jobs/")
    assert "50 runs shown" in page
    assert f"before={queries.list_runs().older}" in page


def test_the_list_is_filtered_by_job_and_status(jobs: Flask, login: Login) -> None:
    do("test.add", a=1, b=1)
    do("test.fail")
    browser = login("dba")
    assert "the disk at" in text_of(browser, "/database/jobs/?status=failed")
    assert "the disk at" not in text_of(browser, "/database/jobs/?job=test.add&before=nonsense")
    assert "Nothing matches" in text_of(browser, "/database/jobs/?status=active&queue=probes")
    assert queries.count_by_status() == {"succeeded": 1, "failed": 1}
    latest = queries.latest_run("test.add", args={"a": 1, "b": 1})
    assert latest is not None
    assert queries.latest_run("test.add", args={}) is None
    assert queries.latest_run("test.none") is None


def test_a_finished_run_shows_result_log_and_stops_polling(jobs: Flask, login: Login) -> None:
    run = do("test.add", a=20, b=22)
    page = text_of(login("dba"), f"/database/jobs/{run.id}")
    plain = "".join(line.strip() for line in page.splitlines())
    assert '<dt>Sum</dt><dd class="text-break">42</dd>' in plain
    assert "adding 20 and 22" in page
    assert "data-finished" in page


def test_a_finished_run_leads_to_what_it_made(jobs: Flask, login: Login, acme: TenantRef) -> None:
    run = service.enqueue(
        "tenants.clone", {"slug": "acme", "name": "A", "new_slug": "a", "with_data": False}, actor="tester"
    )
    with control_transaction() as session:
        found = session.get(JobRun, run.id)
        assert found is not None
        found.status, found.result = RunStatus.SUCCEEDED, {"tenant": "acme", "rows": 0}
    page = text_of(login("dba"), f"/database/jobs/{run.id}")
    assert 'href="/admin/tenants/acme/"' in page
    assert "Open the tenant" in page


def test_every_link_to_what_a_run_made_has_a_page_and_all_it_needs(jobs: Flask) -> None:
    import_jobs()
    links = [spec.opens for spec in list_jobs() if spec.opens]
    assert len(links) >= 5
    for link in links:
        (rule,) = jobs.url_map.iter_rules(link.endpoint)
        assert set(link.values) == rule.arguments, link


def test_an_active_run_is_followed_and_can_be_cancelled_and_retried(jobs: Flask, login: Login) -> None:
    run = service.enqueue("test.fail", {}, actor=SYSTEM_ACTOR)
    browser = login("admin")
    page = text_of(browser, f"/database/jobs/{run.id}")
    assert "data-finished" not in page
    assert "Cancel this run" in page
    assert browser.post(f"/database/jobs/{run.id}/cancel").status_code == 302
    assert "Retry this run" in text_of(browser, f"/database/jobs/{run.id}/live")
    assert browser.post(f"/database/jobs/{run.id}/cancel").status_code == 409
    assert browser.post(f"/database/jobs/{run.id}/retry").status_code == 302
    assert read(run).status == "queued"
    assert read(run).actor == browser.email  # type: ignore[attr-defined]


def test_the_page_of_a_failed_run_gives_the_traceback_to_dbas_only(jobs: Flask, login: Login) -> None:
    browser = login("staff", tenant="acme")
    run = do("test.fail", actor=browser.email)  # type: ignore[attr-defined]
    own = text_of(browser, f"/account/jobs/{run.id}")
    assert "may not run Fail" in own, "staff cannot run a database job"
    assert "Where it failed" not in own
    broken = do("test.fail")
    assert "Where it failed" in text_of(login("dba"), f"/database/jobs/{broken.id}")


def test_staff_see_their_own_runs_and_no_others(jobs: Flask, login: Login) -> None:
    browser = login("staff", tenant="acme")
    own = service.enqueue("test.add", {"a": 1, "b": 1}, actor=browser.email)  # type: ignore[attr-defined]
    other = service.enqueue("test.add", {"a": 1, "b": 1}, actor=SYSTEM_ACTOR)
    assert f"/account/jobs/{own.id}" in text_of(browser, "/account/jobs/")
    text_of(browser, f"/account/jobs/{own.id}/live")
    text_of(browser, f"/account/jobs/{other.id}", 404)
    text_of(browser, f"/database/jobs/{own.id}", 403)
    assert browser.post(f"/account/jobs/{other.id}/cancel").status_code == 404
    assert browser.post(f"/account/jobs/{own.id}/cancel").status_code == 302
    assert browser.post(f"/account/jobs/{own.id}/retry").headers["Location"] == f"/account/jobs/{own.id}"
    assert "You have not started any job" in text_of(login("staff", tenant="acme"), "/account/jobs/")


def test_a_run_that_is_gone_is_said_to_be_gone(jobs: Flask, login: Login) -> None:
    assert "Old runs are deleted" in text_of(login("dba"), f"/database/jobs/{uuid4()}", 404)


def test_schedules_are_paused_resumed_and_run_from_their_page(jobs: Flask, login: Login) -> None:
    browser = login("dba")
    assert "No schedules yet" in text_of(browser, "/database/jobs/schedules")
    timing.sync([DAILY, FREQUENT])
    change = f"/database/jobs/schedules/{DAILY.name}"
    assert browser.post(f"{change}/pause").status_code == 302
    assert f"by {browser.email}" in text_of(browser, "/database/jobs/schedules")  # type: ignore[attr-defined]
    assert "/database/jobs/" in browser.post(f"{change}/run").headers["Location"]
    assert browser.post(f"{change}/run").status_code == 409
    assert "Resume Add daily" in text_of(browser, "/database/jobs/schedules")
    assert browser.post(f"{change}/resume").status_code == 302
    assert browser.post(f"{change}/dance").status_code == 422
    assert "every 30" in text_of(browser, "/database/jobs/schedules")


@pytest.mark.commits
def test_queues_and_workers_are_shown_with_what_they_do(jobs: Flask, start_worker: StartWorker) -> None:
    for _ in range(2):
        do("test.add", a=1, b=1)
    service.enqueue("test.add", {"a": 1, "b": 1}, actor=SYSTEM_ACTOR)
    default = {queue.name: queue for queue in queries.list_queues()}["default"]
    assert (default.depth, default.waiting, default.finished, default.failed) == (3, 1, 2, 0)
    assert default.median_duration is not None
    # Only now: a worker relays too, and may push a run whose push is not noted yet.
    start_worker("probes")
    wait_for(queries.list_workers, "the worker reports")
    workers = {queue.name: queue.workers for queue in queries.list_queues()}
    assert (workers["default"], workers["probes"]) == (0, 1)


def test_with_the_broker_away_every_page_answers_and_says_so(
    jobs: Flask, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = login("dba")
    timing.sync([DAILY])
    monkeypatch.setitem(jobs.extensions, "jobs.broker", broker.connect("redis://127.0.0.1:1/0"))
    run = service.enqueue("test.add", {"a": 1, "b": 1}, actor=SYSTEM_ACTOR)
    queues = text_of(browser, "/database/jobs/queues")
    assert "The broker does not answer." in queues
    assert "unknown" in queues
    assert "Workers report to the broker" in queues
    assert "Timed jobs stand still." in text_of(browser, "/database/jobs/schedules")
    assert "Timed jobs stand still." in text_of(browser, "/database/jobs/")
    assert "the broker has not taken it yet" in text_of(browser, f"/database/jobs/{run.id}")


def test_the_queues_page_lists_no_worker_when_none_reports(jobs: Flask, login: Login) -> None:
    assert "No worker reports" in text_of(login("dba"), "/database/jobs/queues")
