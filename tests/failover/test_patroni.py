"""Patroni as a provider: real nodes, a switchover under writes, and every wish its page can send."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.alerts.registry import Watch, all_conditions
from dashboard.core.addresses import for_sqlalchemy
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.failover import providers, queries
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.failover.patroni import jobs as patroni_jobs
from dashboard.failover.patroni import watching
from dashboard.failover.patroni.client import Patroni, PatroniError, View
from dashboard.failover.providers import SWITCH_OVER, PatroniProvider
from dashboard.health.queries import get_reading
from dashboard.jobs import queries as job_queries
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from tests.cluster import wait_until
from tests.failover.patroni_nodes import Nodes, needs_patroni, running_nodes

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster"), needs_patroni]
TABLES = ("failover", "job_run", "reading")
# As the migrations make it.
CANARY = """
CREATE TABLE public.steward_canary (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
at timestamptz NOT NULL DEFAULT clock_timestamp(), token uuid NOT NULL DEFAULT gen_random_uuid())
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Two Patronis and their servers."""
    with running_nodes() as found:
        found.sql(CANARY)
        yield found


@pytest.fixture
def provider(
    app: Flask, settings: Settings, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PatroniProvider]:
    """The provider over these nodes; what its jobs commit is removed."""
    known = {
        "patroni_url": ",".join(["http://127.0.0.1:9", *nodes.urls]),  # the first one is away
        "patroni_options": nodes.login,
        "database_direct_url": for_sqlalchemy(nodes.dsn),
    }
    observed = settings.model_copy(update=known)
    monkeypatch.setattr(patroni_jobs, "get_settings", lambda: observed)
    with app.app_context():
        watching.refresh(observed)
        db.session.commit()
        chosen = providers.choose(observed)
        assert isinstance(chosen, PatroniProvider)
        yield chosen
        db.session.remove()
        with control_transaction() as session:
            for table in TABLES:
                session.execute(text(f"DELETE FROM {table}"))


def done(asked: JobRun) -> JobRun:
    """Work on a run as the worker does."""
    perform(str(asked.id))
    db.session.expire_all()
    return job_queries.get_run(asked.id)


def test_switchover_by_patroni_under_writes_is_followed_to_its_end(
    provider: PatroniProvider, nodes: Nodes
) -> None:
    before = provider.standing()
    assert before.primary
    (candidate,) = before.candidates
    assert (candidate.state, candidate.objection) == ("streaming", "")
    run = done(provider.change(SWITCH_OVER, candidate.name, "a test", SYSTEM_ACTOR))
    assert (run.status, run.error) == ("succeeded", ""), run.traceback
    (row,) = db.session.query(Rehearsal).filter_by(run_id=run.id)
    assert (row.kind, row.provider, row.status) == (Kind.SWITCHOVER, "patroni", Status.DONE)
    assert (row.from_server, row.to_server, row.reason) == (before.primary, candidate.name, "a test")
    assert [step["name"] for step in row.steps] == ["check", "write", "ask", "lead", "first_write", "rejoin"]
    assert {step["state"] for step in row.steps} == {"done"}
    assert row.outage_ms is not None
    assert row.outage_ms > 0
    assert row.lost_rows == 0
    assert (row.timeline_before, row.timeline_after) == (1, 2)
    after = provider.standing()
    assert (after.primary, after.candidates[0].name) == (candidate.name, before.primary)
    assert nodes.sql("SELECT pg_is_in_recovery()") is False
    assert nodes.sql("SELECT count(*) FROM public.steward_canary") > 0
    proof = queries.find_proof()
    assert proof is not None
    assert proof.id == row.id
    wait_until(nodes.is_whole, 30)


@pytest.mark.breaks("failover.patroni_paused")
def test_wishes_reach_patroni(
    provider: PatroniProvider, nodes: Nodes, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "steward_settings", provider.settings)
    paused = all_conditions()["failover.patroni_paused"].function
    assert done(provider.ask("pause", "", "work on a server", SYSTEM_ACTOR)).status == "succeeded"
    assert provider.standing().is_paused
    assert paused(Watch(datetime.now(UTC)))
    assert done(provider.ask("resume", "", "done", SYSTEM_ACTOR)).status == "succeeded"
    assert not provider.standing().is_paused
    assert paused(Watch(datetime.now(UTC))) == []
    refused = done(provider.ask("cancel", "", "none is there", SYSTEM_ACTOR))
    assert "no switchover is scheduled" in refused.error
    (standby,) = provider.standing().candidates
    copied = done(provider.ask("reinitialize", standby.name, "", SYSTEM_ACTOR))
    assert (copied.status, copied.error) == ("succeeded", "")
    wait_until(nodes.is_whole, 30)


def test_what_patroni_would_refuse_is_refused_in_words(provider: PatroniProvider) -> None:
    primary = provider.standing().primary
    run = done(provider.change(SWITCH_OVER, primary, "", SYSTEM_ACTOR))
    assert f"{primary} leads already" in run.error
    run = done(provider.change(SWITCH_OVER, "nobody", "", SYSTEM_ACTOR))
    assert "knows no member nobody" in run.error
    assert {row.status for row in db.session.query(Rehearsal)} == {Status.FAILED}


def test_patroni_does_not_obey_a_stranger(nodes: Nodes) -> None:
    stranger = Patroni(nodes.urls, {"username": "steward", "password": "wrong"})
    with pytest.raises(PatroniError, match="401"):
        stranger.pause(wanted=True)
    assert not nodes.look().is_paused


def test_patroni_that_is_away_keeps_the_last_answer(provider: PatroniProvider) -> None:
    away = provider.settings.model_copy(update={"patroni_url": "http://127.0.0.1:9"})
    assert watching.refresh(away) == View()
    db.session.commit()
    reading = get_reading(watching.READING)
    assert reading is not None
    assert reading.is_failing
    standing = providers.choose(away).standing()
    assert standing.primary
    assert "127.0.0.1:9" in standing.error


def test_reading_of_patroni_is_read_as_it_was_stored(nodes: Nodes) -> None:
    view = nodes.api.look()
    assert watching.from_reading(asdict(view)) == view
