"""The primary is changed for real, under a write load, on a cluster of its own; everything follows it."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID, uuid4

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import InternalError

from dashboard.app import create_app
from dashboard.backups import jobs as backup_jobs
from dashboard.backups import service as backups
from dashboard.backups.models import Backup
from dashboard.core.addresses import for_libpq, for_sqlalchemy
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError
from dashboard.failover.models import Rehearsal
from dashboard.failover.switching import changing, promotion, switchover
from dashboard.failover.switching import jobs as switching_jobs
from dashboard.failover.switching.changing import Change
from dashboard.failover.switching.control import ControlError, Rejoined, StackControl, Standing
from dashboard.failover.switching.looking import look
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.run import Run
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.replication import service as replication
from dashboard.replication.models import DurabilityLoss
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History
from dashboard.servers import scratch_folder
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.service import create_tenant
from dashboard.users.service import create_operator
from tests.conftest import PASSWORD
from tests.failover.small_stack import Load, SmallStack, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("switching")]
ACTOR = "switch@example.com"
TABLES = (
    *("failover", "verification", "job_run", "reading", "metric_round", "metric_position", "backup"),
    "durability_loss",
)
SYNCHRONOUS = 'ANY 1 ("az-b")'


@pytest.fixture(scope="module")
def stack() -> Iterator[SmallStack]:
    with scratch_folder() as folder, running(folder / "home") as found:
        yield found


@pytest.fixture(scope="module")
def erp(stack: SmallStack, settings: Settings, app: Flask) -> Iterator[Settings]:
    """The settings of a product over that cluster: migrated, with one tenant, commits waiting for az-b."""
    found = stack.settings(settings)
    owner = create_engine(found.database_direct_url)
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(db.engines, "owner", owner)
        with owner.begin() as connection:
            migrations.upgrade(connection, History.SHARED)
            connection.execute(text("CREATE TABLE load (n bigint PRIMARY KEY)"))
        create_tenant("Switched")
        tenancy.forget()
    owner.dispose()
    stack.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{SYNCHRONOUS}'")
    stack.sql("SELECT pg_reload_conf()")
    backups.barman_of(found).cron()
    yield found
    with app.app_context(), control_transaction() as session:
        for table in TABLES:
            session.execute(text(f"DELETE FROM {table}"))
    tenancy.forget()


@pytest.fixture(scope="module")
def product(erp: Settings) -> Flask:
    """The web application over that cluster; it is started once and never again."""
    made = create_app(erp)
    made.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    return made


@pytest.fixture
def here(product: Flask) -> Iterator[None]:
    with product.app_context():
        yield
        db.session.remove()


def started(job: str) -> Run:
    """A run as the worker would begin it."""
    asked = {"job": job, "title": job, "queue": "database", "actor": ACTOR}
    row = JobRun(id=uuid4(), status=RunStatus.RUNNING, attempt=1, **asked)
    with control_transaction() as session:
        session.add(row)
        session.flush()
        session.refresh(row)
        session.expunge(row)
    return Run(row)


def switch(erp: Settings, target: str) -> Rehearsal:
    return switchover.perform(started("failover.switch_over"), erp, target, reason="a test", backup=False)


def steps(made: Rehearsal) -> dict[str, str]:
    return {step["name"]: step["state"] for step in made.steps}


def missing(erp: Settings, load: Load) -> set[int]:
    with closing(psycopg2.connect(for_libpq(erp.database_direct_url))) as link, link.cursor() as at:
        at.execute("SELECT n FROM load")
        return set(load.acknowledged) - {row[0] for row in at.fetchall()}


@pytest.fixture(scope="module")
def browser(product: Flask) -> FlaskClient:
    with product.app_context():
        create_operator(ACTOR, "Switcher", PASSWORD, [("admin", None)])
        db.session.commit()
    found = product.test_client()
    assert found.post("/login", data={"email": ACTOR, "password": PASSWORD}).status_code == 302
    return found


def save(browser: FlaskClient, name: str) -> int:
    """Save a record as a person would."""
    return browser.post("/t/switched/records/unit/new", data={"code": name, "name": name}).status_code


def now_primary(erp: Settings) -> tuple[str, str]:
    """Who is the primary, and who takes over next."""
    primary = look(erp.members).writers[0]
    return primary, "az-b" if primary == "az-a" else "az-a"


def test_switchovers_under_load_lose_nothing_and_everything_follows(
    here: None, stack: SmallStack, erp: Settings, browser: FlaskClient
) -> None:
    """There, back, and there again; the application is never restarted."""
    assert save(browser, "before") == 302
    for number, target in enumerate(("az-b", "az-a", "az-b"), start=1):
        source = "az-a" if target == "az-b" else "az-b"
        with Load(for_libpq(erp.database_direct_url)) as load:
            load.wait_for_more()
            made = switch(erp, target)
            load.wait_for_more()
        assert (made.error, set(steps(made).values())) == ("", {"done"})
        assert (made.status, made.from_server, made.to_server) == ("done", source, target)
        assert (made.timeline_before, made.timeline_after) == (number, number + 1)
        assert (made.lost_rows, missing(erp, load)) == (0, set())
        assert made.outage_ms is not None
        assert 0 < made.outage_ms <= 10_000
        check_everything_follows(erp, source, target)
        assert save(browser, f"after {number}") == 302


def check_everything_follows(erp: Settings, source: str, target: str) -> None:
    """Standbys, slots, whom commits wait for, Barman, and what the pages read."""
    view = look(erp.members)
    assert view.writers == [target]
    assert {one.name for one in view.members[target].senders} == {source, "dr", "barman_receive_wal"}
    assert view.server(target).synchronous_names == f'ANY 1 ("{source}")'
    slots = {slot.name: slot.active for slot in view.members[target].slots}
    assert slots == {source.replace("-", "_"): True, "dr": True, "barman_main": True}
    assert view.members[source].slots == ()
    reading = replication.observe(erp)
    states = {row.name: row.state for row in reading.standbys}
    assert (reading.primary_name, states) == (target, {source: "streaming", "dr": "streaming"})


def test_job_switches_over_and_has_the_new_primary_backed_up(
    here: None, stack: SmallStack, erp: Settings, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = now_primary(erp)
    for module in (switching_jobs, backup_jobs):
        monkeypatch.setattr(module, "get_settings", lambda: erp)
    asked = jobs.enqueue("failover.switch_over", {"target": target, "reason": "a test"}, actor=ACTOR)
    perform(str(asked.id))
    run = job_queries.get_run(asked.id)
    assert (run.status, run.error) == (RunStatus.SUCCEEDED, "")
    (made,) = db.session.query(Rehearsal).filter_by(run_id=asked.id)
    assert (made.from_server, made.to_server, made.reason, made.lost_rows) == (source, target, "a test", 0)
    perform(made.report["backup_run"])
    assert job_queries.get_run(UUID(made.report["backup_run"])).error == ""
    newest = db.session.query(Backup).order_by(Backup.begin_at.desc()).first()
    assert newest is not None
    assert (newest.status, newest.timeline) == ("DONE", look(erp.members).server(target).timeline)


def test_killed_primary_is_replaced_and_comes_back_rewound(
    here: None, stack: SmallStack, erp: Settings, browser: FlaskClient
) -> None:
    source, target = now_primary(erp)
    with Load(for_libpq(erp.database_direct_url)) as load:
        load.wait_for_more()
        leave_unsent_wal(stack)
        replication.refresh(erp)
        child = next(child for child in stack.supervisor.children if child.name == source)
        child.delay = 60  # the stack is not to start it again by itself
        stack.server(source).kill()
        made = promotion.perform(
            started("failover.promote"), erp, target, reason="killed", despite_loss=False, backup=False
        )
        load.wait_for_more()
    assert (made.error, set(steps(made).values())) == ("", {"done"})
    assert (made.kind, made.status, made.from_server, made.to_server) == ("promotion", "done", source, target)
    assert (made.lost_bytes or 0) > 100_000
    assert (made.outage_ms or 0) > 0
    assert missing(erp, load) == set()
    assert "was rewound" in next(step["text"] for step in made.steps if step["name"] == "rejoin")
    check_everything_follows(erp, source, target)
    assert stack.sql("SELECT to_regclass('unsent')::text") is None
    assert save(browser, "after the crash") == 302


def test_time_without_a_second_copy_is_told_while_it_lasts_and_kept(
    here: None, erp: Settings, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = now_primary(erp)
    assert erp.primary is not None
    both = [row.model_copy(update={"mode": "sync"}) for row in erp.members if row.name != "dr"]
    far = next(row for row in erp.members if row.name == "dr")
    wanting = erp.model_copy(update={"primary": both[0], "standbys": (*both[1:], far)})
    rejoin, seen = Change.rejoin, list[str]()

    def look_and_rejoin(change: Change, member: str) -> Rejoined | None:
        seen.extend(
            browser.get(f"/database/{page}").text for page in ("promises/standbys.sync", "replication")
        )
        return rejoin(change, member)

    monkeypatch.setattr(Change, "rejoin", look_and_rejoin)
    made = switch(wanting, target)
    assert (made.status, made.error) == ("done", "")
    assert all(f"Switchover {made.id}: nobody follows {target} yet." in page for page in seen)
    assert "Commits wait for nobody" in seen[0]
    loss = db.session.query(DurabilityLoss).one()
    assert (loss.standby, loss.primary, loss.actor) == (source, target, ACTOR)
    assert loss.until is not None
    assert loss.bytes is not None
    assert f"{source} confirms commits again" in loss.closing
    assert "Commits wait for nobody" not in browser.get("/database/promises/standbys.sync").text


def leave_unsent_wal(stack: SmallStack) -> None:
    """Write what no standby gets: everything that sends is frozen, and the commit waits for nobody."""
    pids = stack.sql("SELECT array_agg(pid) FROM pg_stat_replication")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    stack.sql(
        "SET synchronous_commit TO local; CREATE TABLE unsent AS"
        " SELECT n, repeat('x', 100) FROM generate_series(1, 2000) n"
    )


def test_switchover_that_was_cut_off_is_finished_by_the_next(
    here: None, stack: SmallStack, erp: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = now_primary(erp)
    with monkeypatch.context() as patch:
        patch.setattr(Change, "promote", end_at_once)
        with pytest.raises(KeyboardInterrupt):
            switch(erp, target)
    assert look(erp.members).writers == []
    assert stack.server(source).pid is None
    with pytest.raises(ConflictError, match="nobody to switch over from"):
        switch(erp, "dr")
    made = switch(erp, target)
    assert (made.status, made.error) == ("done", "")
    check_everything_follows(erp, source, target)


def end_at_once(_change: Change) -> int:
    raise KeyboardInterrupt


def test_primary_is_started_again_when_the_other_does_not_get_everything(
    here: None, stack: SmallStack, erp: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = now_primary(erp)
    stop = Change.stop_source

    def pause_and_stop(change: Change) -> Standing:
        stack.sql("SELECT pg_wal_replay_pause()", on=target)
        return stop(change)

    monkeypatch.setattr(changing, "WAL_SECONDS", 1.0)
    monkeypatch.setattr(Change, "stop_source", pause_and_stop)
    try:
        made = switch(erp, target)
    finally:
        stack.sql("SELECT pg_wal_replay_resume()", on=target)
    assert made.status == "failed"
    assert f"{source} was started again and is the primary, as before." in made.error
    assert look(erp.members).writers == [source]
    assert look(erp.members).members[target].slots == ()
    wait_until(lambda: target in streaming(erp, source), 20, "it does not stream again")


def streaming(erp: Settings, primary: str) -> set[str]:
    return {one.name for one in look(erp.members).members[primary].senders if one.state == "streaming"}


def test_what_cannot_be_done_changes_nothing(here: None, stack: SmallStack, erp: Settings) -> None:
    source, target = now_primary(erp)
    with pytest.raises(ConflictError, match="is the primary already"):
        switch(erp, source)
    with pytest.raises(NotFoundError):
        switch(erp, "az-c")
    with pytest.raises(ConflictError, match="nothing has to be promoted"):
        promotion.perform(started("x"), erp, target, reason="", despite_loss=False, backup=False)
    wait_until(lambda: target in streaming(erp, source), 20, "it does not stream")
    stack.sql("SELECT pg_wal_replay_pause()", on=target)
    try:
        made = switch(erp, target)
    finally:
        stack.sql("SELECT pg_wal_replay_resume()", on=target)
    assert made.status == "failed"
    assert "paused" in made.error
    assert "Nothing was changed" in made.error
    assert look(erp.members).writers == [source]


def test_pool_forgets_a_connection_that_leads_to_a_standby(stack: SmallStack, erp: Settings) -> None:
    engine = create_engine(for_sqlalchemy(stack.server("dr").url("erp_dev")), pool_size=1)
    with engine.connect() as link, pytest.raises(InternalError) as refused:
        link.execute(text("CREATE TABLE nowhere (n int)"))
    assert refused.value.connection_invalidated
    with engine.connect() as link:
        first = link.scalar(text("SELECT pg_backend_pid()"))
    with engine.connect() as link, pytest.raises(InternalError):
        link.execute(text("CREATE TABLE nowhere (n int)"))
    with engine.connect() as link:
        assert link.scalar(text("SELECT pg_backend_pid()")) != first
    engine.dispose()


def test_next_start_knows_who_is_the_primary_and_never_starts_two(
    here: None, stack: SmallStack, erp: Settings
) -> None:
    source, target = now_primary(erp)
    stack.restart()
    wait_until(lambda: {target, "dr"} <= streaming(erp, source), 30, "they do not follow")
    assert look(erp.members).writers == [source]
    former = stack.server(target)

    def pretend() -> None:
        (former.folder / "standby.signal").unlink()
        stack.layout.state.mark("primary", target)

    stack.restart(meanwhile=pretend)
    wait_until(lambda: {target, "dr"} <= streaming(erp, source), 30, "they do not follow")
    assert look(erp.members).writers == [source]
    assert f"state.json says that {target} is the primary" in stack.said
    assert f"{target} was a primary too" in stack.said


def test_stack_refuses_a_second_primary(here: None, stack: SmallStack, erp: Settings) -> None:
    source, target = now_primary(erp)
    control = StackControl(erp.home)
    with pytest.raises(ControlError, match=f"{source} is running and takes writes"):
        control.promote(target)
    with pytest.raises(ControlError, match=f"{source} is the primary"):
        control.rejoin(source)
    with pytest.raises(ControlError, match="cannot promote az-c"):
        control.promote("az-c")
    assert look(erp.members).writers == [source]


def test_server_that_lost_its_data_is_copied_anew(here: None, stack: SmallStack, erp: Settings) -> None:
    source, target = now_primary(erp)
    StackControl(erp.home).stop(target)
    shutil.rmtree(stack.server(target).folder)
    told = promotion.rejoin(started("failover.rejoin"), erp, target, reason="its disk was replaced")
    assert told == {"how": "copied", "discarded_bytes": None}
    assert target in streaming(erp, source)
