"""The timed jobs of promises, and that what they rest on is really timed."""

import pytest
from flask import Flask

from dashboard.compliance import attested, history, jobs, looking, reports
from dashboard.compliance.checklist import STEPS
from dashboard.compliance.clauses.operations import NEEDED
from dashboard.compliance.registry import list_promises
from dashboard.core.errors import ConflictError
from dashboard.health.queries import get_reading
from dashboard.jobs.registry import find_job, import_jobs
from dashboard.schedule import SCHEDULES
from tests.compliance.world import World


class Quiet:
    """What the jobs need of a run."""

    actor = "schedule"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        """Keep a line."""
        self.lines.append(line)


def test_judge_keeps_every_promise(world: World) -> None:
    found = jobs.judge(Quiet())  # type: ignore[arg-type]
    assert found["promises"] == len(list_promises()) == len(history.list_standings())


def test_look_stores_logins_and_history_and_says_when_the_server_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "get_settings", lambda: world.settings)
    assert jobs.look(Quiet()) == {}  # type: ignore[arg-type]
    reading = get_reading(looking.READING)
    assert reading
    assert {row["name"] for row in reading.data["logins"]} >= {"steward_app", "steward_owner"}
    assert reading.data["guarded"]["recorded"] > 20
    away = "postgresql+psycopg2://nobody:x@127.0.0.1:1/none"
    world.configure(database_monitor_url=away)
    assert "refused" in str(jobs.look(Quiet())["error"])  # type: ignore[arg-type]


def test_follow_says_what_is_broken(world: World) -> None:
    reports.make(world.settings, actor="a@example.com")
    assert jobs.follow(Quiet()) == {"broken": []}  # type: ignore[arg-type]


def test_monthly_report_is_sealed_only_behind_a_chain_that_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jobs.report(Quiet())["number"] == 1  # type: ignore[arg-type]
    monkeypatch.setattr(attested, "logged", lambda _action: {1: "0" * 64})
    with pytest.raises(ConflictError, match="noted another hash"):
        jobs.report(Quiet())  # type: ignore[arg-type]


def test_what_promises_rest_on_is_timed(app: Flask) -> None:
    assert set(NEEDED) <= {one.name for one in SCHEDULES}


def test_every_proof_is_a_job_and_every_step_knows_its_promises(app: Flask) -> None:
    import_jobs()
    keys = {promise.key for promise in list_promises()}
    for promise in list_promises():
        spec = find_job(promise.job) if promise.job else None
        assert spec or not promise.job, promise.key
        if spec:
            spec.lock_name({}, None)  # raises when it does not start without being told more
    assert {key for step in STEPS for key in step.promises} <= keys
    assert [step.page for step in STEPS if step.page and step.page not in app.view_functions] == []
    assert len({step.key for step in STEPS}) == len(STEPS)
