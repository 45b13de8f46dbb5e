"""Actions on the real server: the right session, the right table, audited, resumable, whole."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from psycopg2 import errors
from psycopg2.extensions import connection
from sqlalchemy import select, text

from dashboard.audit.models import Operation
from dashboard.core.config import Settings, Standby
from dashboard.core.db import db
from dashboard.health.actions import commands, elsewhere, queries, running, service, signals, starting
from dashboard.health.actions.commands import NotDoneError, Thing
from dashboard.health.actions.models import MaintenanceAction, MaintenanceItem, MaintenanceWindow, Status
from dashboard.health.actions.running import maintenance_connection
from dashboard.health.actions.signalling import FORCEABLE
from dashboard.health.connection import libpq_url
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.servers import erp_roles
from tests.cluster import wait_until
from tests.conftest import Servers

pytestmark = pytest.mark.commits
SCHEMAS = ("tenant_acme", "tenant_globex")
MADE = "kept_by_tests"


@pytest.fixture(autouse=True)
def emptied(app: Flask) -> Iterator[None]:
    """Remove what was committed."""
    with app.app_context():
        yield
        db.session.remove()
        with control_transaction() as session:
            for table in ("maintenance_action", "maintenance_window", "job_run"):
                session.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def owner(settings: Settings) -> Iterator[connection]:
    """A session of the owner, outside of transactions."""
    with closing(psycopg2.connect(libpq_url(settings.database_direct_url))) as link:
        link.autocommit = True
        yield link


@pytest.fixture
def table(owner: connection) -> Iterator[str]:
    """A table with an index in each of two tenants, gone afterwards."""
    with owner.cursor() as at:
        for schema in SCHEMAS:
            at.execute(f"DROP TABLE IF EXISTS {schema}.{MADE}")
            at.execute(f"CREATE TABLE {schema}.{MADE} AS SELECT n AS id FROM generate_series(1, 500) AS n")
            at.execute(f"CREATE INDEX ix_{MADE} ON {schema}.{MADE} (id)")
        yield MADE
        for schema in SCHEMAS:
            at.execute(f"DROP TABLE {schema}.{MADE}")


@pytest.fixture
def app_session(settings: Settings) -> Iterator[connection]:
    """A session as the application has many."""
    link = psycopg2.connect(libpq_url(settings.database_url), application_name="steward")
    link.autocommit = True
    yield link
    link.close()


def started(servers: Servers, pid: int) -> datetime:
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as at:
        at.execute("SELECT backend_start FROM pg_stat_activity WHERE pid = %s", (pid,))
        row = at.fetchone()
        assert row is not None
        found: datetime = row[0]
        return found


def do(action: MaintenanceAction) -> MaintenanceAction:
    """Let the job of an action run here."""
    db.session.commit()
    starting.start(action)
    db.session.commit()
    perform(str(action.run_id))
    db.session.remove()
    return queries.get_action(action.id)


def ask(kind: str, target: dict[str, object], **more: object) -> MaintenanceAction:
    return service.ask(kind, target, reason="a test", actor=SYSTEM_ACTOR, **more)  # type: ignore[arg-type]


def on(schema: str, *, index: str = "") -> dict[str, object]:
    return {"schema": schema, "table": MADE, "index": index}


def told(action: MaintenanceAction) -> list[str]:
    """The steps of an action in the log of operations."""
    query = select(Operation.detail).where(Operation.detail["number"].as_integer() == action.id)
    return [detail["step"] for detail in db.session.scalars(query.order_by(Operation.id))]


def test_cancelling_stops_the_statement_of_that_session_only(
    servers: Servers, app_session: connection, owner: connection
) -> None:
    failures: list[BaseException] = []

    def sleep() -> None:
        try:
            app_session.cursor().execute("SELECT pg_sleep(20)")
        except psycopg2.Error as error:
            failures.append(error)

    asleep = threading.Thread(target=sleep)
    asleep.start()
    pid = app_session.info.backend_pid
    wait_until(lambda: _state(owner, pid) == "active", 10)
    action = do(ask("cancel", {"pid": pid, "started": started(servers, pid).isoformat()}))
    asleep.join(10)
    assert action.status == Status.DONE, action.outcome
    assert isinstance(failures[0], errors.QueryCanceled)
    app_session.cursor().execute("SELECT 1")  # the session stays
    owner.cursor().execute("SELECT 1")
    assert told(action) == ["asked", "done"]


def _state(link: connection, pid: int) -> str:
    with link.cursor() as at:
        at.execute("SELECT coalesce(state, '') FROM pg_stat_activity WHERE pid = %s", (pid,))
        row = at.fetchone()
        return row[0] if row else "gone"


def test_ending_hits_that_session_and_a_reused_process_id_is_left_alone(
    servers: Servers, settings: Settings, app_session: connection, owner: connection
) -> None:
    pid = app_session.info.backend_pid
    began = started(servers, pid)
    other = do(ask("terminate", {"pid": pid, "started": (began - timedelta(seconds=1)).isoformat()}))
    assert other.status == Status.FAILED
    assert "belongs to another session now" in other.outcome
    app_session.cursor().execute("SELECT 1")
    action = do(ask("terminate", {"pid": pid, "started": began.isoformat()}))
    assert action.status == Status.DONE
    assert _state(owner, pid) == "gone"
    with pytest.raises(psycopg2.OperationalError):
        app_session.cursor().execute("SELECT 1")
    with pytest.raises(signals.SignalRefusedError, match="over already"):
        signals.send(settings.database_direct_url, "cancel", pid, began)


def test_a_session_of_the_system_needs_a_stronger_confirmation(
    servers: Servers, settings: Settings, app: Flask
) -> None:
    dsn = libpq_url(settings.database_direct_url)
    link = psycopg2.connect(dsn, application_name="barman_receive_wal")
    pid = link.info.backend_pid
    target: dict[str, object] = {"pid": pid, "started": started(servers, pid).isoformat()}
    refused = do(ask("terminate", target))
    assert refused.outcome.endswith(FORCEABLE)
    assert do(ask("terminate", target, forced=True)).status == Status.DONE
    with suppress(psycopg2.Error):
        link.close()


def test_a_missing_right_is_told_with_the_statement_that_gives_it(
    servers: Servers, settings: Settings, app_session: connection
) -> None:
    pid = app_session.info.backend_pid
    with pytest.raises(signals.SignalRefusedError, match=r"GRANT pg_signal_backend, pg_read_all_stats TO"):
        signals.send(settings.database_url, "terminate", _superuser(servers)[0], _superuser(servers)[1])
    assert pid


def _superuser(servers: Servers) -> tuple[int, datetime]:
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as at:
        at.execute("SELECT pid, backend_start FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
        row = at.fetchone()
        assert row is not None
        return row[0], row[1]


@pytest.mark.parametrize("kind", ["analyze", "vacuum", "reindex"])
def test_maintenance_of_every_tenant_is_done_schema_by_schema_and_logged(
    table: str, owner: connection, kind: str
) -> None:
    action = do(ask(kind, on("tenant_acme"), everywhere=True))
    assert (action.status, action.outcome) == (Status.DONE, "2 of 2 schemas done.")
    items = queries.list_items(action.id)
    assert [(item.schema_name, item.status) for item in items] == [(name, "done") for name in SCHEMAS]
    assert all(item.bytes_before and item.finished_at for item in items)
    assert told(action) == ["asked", "done"]
    if kind == "analyze":
        with owner.cursor() as at:
            at.execute("SELECT reltuples FROM pg_class WHERE oid = 'tenant_globex.kept_by_tests'::regclass")
            assert at.fetchone() == (500.0,)


def test_what_the_login_may_not_do_is_a_failure(servers: Servers, table: str) -> None:
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link:
        link.autocommit = True
        link.cursor().execute(f"ALTER TABLE tenant_acme.{MADE} OWNER TO postgres")
        action = do(ask("reindex", on("tenant_acme")))
        link.cursor().execute(f"ALTER TABLE tenant_acme.{MADE} OWNER TO steward_owner")
    assert action.status == Status.FAILED
    assert "OWNER TO steward_owner" in action.outcome


def test_a_warning_that_nothing_was_done_is_no_success(table: str, settings: Settings) -> None:
    vacuum = commands.statement("vacuum", Thing("public", "tenant"))
    with (
        maintenance_connection(settings.database_url, 1000) as link,
        pytest.raises(NotDoneError, match="permission denied"),
    ):
        running.run(link, vacuum, lambda: "")


def test_a_dropped_index_comes_back_as_it_was(table: str, owner: connection) -> None:
    index = f"ix_{MADE}"
    before = commands.facts_of(owner, Thing("tenant_globex", MADE, index))
    action = do(ask("drop_index", on("tenant_acme", index=index), everywhere=True))
    assert action.status == Status.DONE, action.outcome
    assert commands.facts_of(owner, Thing("tenant_globex", MADE, index)) is None
    again = do(ask("create_index", action.target, everywhere=True, undo_of=action.id))
    assert again.status == Status.DONE, again.outcome
    after = commands.facts_of(owner, Thing("tenant_globex", MADE, index))
    assert before is not None
    assert after is not None
    assert after.definition == before.definition
    assert after.is_valid


def test_an_index_that_is_used_or_needed_is_not_dropped(
    table: str, owner: connection, settings: Settings, servers: Servers
) -> None:
    with owner.cursor() as at:
        at.execute(f"CREATE UNIQUE INDEX uq_{MADE} ON tenant_acme.{MADE} (id)")
        at.execute("SET enable_seqscan = off")
        at.execute(f"SELECT count(*) FROM tenant_acme.{MADE} WHERE id = 7")
        at.execute("SELECT pg_stat_force_next_flush()")
        at.execute(f"DROP INDEX tenant_acme.ix_{MADE}")
        at.execute(f"CREATE INDEX ix_{MADE} ON tenant_acme.{MADE} (id)")
    unique = do(ask("drop_index", on("tenant_acme", index=f"uq_{MADE}")))
    assert unique.status == Status.FAILED
    assert "it is unique" in unique.outcome
    facts = commands.facts_of(owner, Thing("tenant_acme", MADE, f"ix_{MADE}"))
    assert facts is not None
    with pytest.raises(NotDoneError, match="az-b has used it 3 times"):
        commands.check_droppable(
            commands.IndexFacts(**(vars(facts) | {"scans": 3, "reset_at": None})), "az-b"
        )
    away = Standby(name="az-b", zone="b", region="r", mode="async", url="postgresql://u@127.0.0.1:1/d")
    with pytest.raises(NotDoneError, match="az-b cannot be asked"):
        elsewhere.check_unused(
            settings.model_copy(update={"standbys": (away,)}), [Thing("tenant_acme", MADE, f"ix_{MADE}")]
        )


def test_a_tenant_without_it_is_passed_over_and_a_name_nobody_has_is_said(
    table: str, owner: connection
) -> None:
    action = ask("vacuum", on("tenant_acme"), everywhere=True)
    db.session.flush()
    for schema in (*SCHEMAS, "tenant_nobody"):
        db.session.add(MaintenanceItem(action_id=action.id, schema_name=schema))
    assert do(action).outcome == "2 of 3 schemas done, 1 without it."
    nothing = do(ask("vacuum", {"schema": "tenant_acme", "table": "nowhere", "index": ""}, everywhere=True))
    assert nothing.status == Status.FAILED


def test_pausing_cancelling_and_going_on_keep_what_is_done(table: str) -> None:
    action = ask("vacuum", on("tenant_acme"), everywhere=True)
    db.session.flush()
    db.session.add(
        MaintenanceItem(action_id=action.id, schema_name=SCHEMAS[0], status="done", detail="before")
    )
    db.session.add(MaintenanceItem(action_id=action.id, schema_name=SCHEMAS[1]))
    service.move(action, "pause", actor=SYSTEM_ACTOR)
    db.session.commit()
    starting.start(action)
    assert action.run_id is None
    service.move(action, "resume", actor=SYSTEM_ACTOR)
    done = do(action)
    assert done.status == Status.DONE
    assert queries.list_items(action.id)[0].detail == "before"


def held(settings: Settings) -> connection:
    """A transaction that reads the table and stays: rebuilding an index waits for it."""
    link = psycopg2.connect(libpq_url(settings.database_direct_url))
    link.cursor().execute(f"SELECT count(*) FROM tenant_acme.{MADE}")
    return link


def invalid(link: connection) -> list[str]:
    with link.cursor() as at:
        at.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
            " AND indrelid = %s::regclass",
            (f"tenant_acme.{MADE}",),
        )
        return [row[0] for row in at.fetchall()]


def test_an_action_cancelled_while_it_runs_leaves_no_half_made_index(
    app: Flask, table: str, settings: Settings, owner: connection
) -> None:
    action = ask("reindex", on("tenant_acme"))
    db.session.commit()
    starting.start(action)
    db.session.commit()
    action_id, run_id = action.id, str(action.run_id)
    with closing(held(settings)):

        def cancel() -> None:
            wait_until(lambda: bool(invalid(owner)), 10)
            with app.app_context():
                service.move(queries.get_action(action_id), "cancel", actor="somebody@example.com")
                db.session.commit()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        perform(run_id)
        canceller.join(10)
        starting.look_after_all(settings)  # the transaction still holds what is left
    starting.look_after_all(settings)
    assert invalid(owner) == []
    db.session.remove()
    assert queries.get_action(action_id).status == Status.CANCELLED
    assert [item.status for item in queries.list_items(action_id)] == ["skipped"]


def forked_worker(settings: Settings) -> int:
    """Start the work of a worker in a process of its own; return its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        with maintenance_connection(settings.database_direct_url, 60_000) as link:
            running.run(link, commands.statement("reindex", Thing("tenant_acme", MADE)), lambda: "")
    finally:
        os._exit(1)  # nothing of the test may go on here


def test_a_worker_killed_in_the_middle_leaves_nothing_after_the_next_attempt(
    table: str, settings: Settings, owner: connection
) -> None:
    with closing(held(settings)):
        worker = forked_worker(settings)
        try:
            wait_until(lambda: bool(invalid(owner)), 20)
        finally:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
        # The server notices by itself that its client is gone.
        wait_until(lambda: not _is_rebuilding(owner), 15)
        assert invalid(owner)
    action = do(ask("reindex", on("tenant_acme")))
    assert action.status == Status.DONE
    assert invalid(owner) == []
    assert "Removed what a broken attempt left" in queries.list_items(action.id)[0].detail


def _is_rebuilding(link: connection) -> bool:
    with link.cursor() as at:
        at.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = 'steward_maintenance'")
        return at.fetchone() is not None


def test_a_window_defers_an_action_starts_it_when_it_opens_and_stops_it_at_its_end(
    table: str, settings: Settings, owner: connection
) -> None:
    now = datetime.now(UTC)
    later, soon = now + timedelta(hours=3), now + timedelta(hours=4)
    window = MaintenanceWindow(
        name="Test", weekday=None, starts=later.time(), ends=soon.time(), zone="UTC", actor="x"
    )
    db.session.add(window)
    db.session.flush()
    action = ask("reindex", on("tenant_acme"), window_id=window.id)
    db.session.commit()
    assert starting.look_after_all(settings)["started"] == 0
    assert queries.get_action(action.id).status == Status.DEFERRED
    opened, closes = now - timedelta(hours=1), now + timedelta(seconds=4)
    window.starts, window.ends = opened.time(), closes.time()
    db.session.commit()
    assert starting.look_after_all(settings)["started"] == 1
    run_id = queries.get_action(action.id).run_id
    with closing(held(settings)):
        perform(str(run_id))  # it cannot get through before the window closes
    db.session.remove()
    stopped = queries.get_action(action.id)
    assert stopped.status == Status.DEFERRED
    assert told(stopped)[-1] == "window closed"
    again = db.session.get(MaintenanceWindow, window.id)
    assert again is not None
    again.ends = (datetime.now(UTC) + timedelta(hours=1)).time()
    db.session.commit()
    starting.look_after_all(settings)
    perform(str(queries.get_action(action.id).run_id))
    db.session.remove()
    assert queries.get_action(action.id).status == Status.DONE
    assert invalid(owner) == []


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        ("failed", Status.FAILED),
        ("lost", Status.FAILED),
        ("cancelled", Status.PAUSED),
        ("succeeded", Status.RUNNING),
    ],
    ids=["failed", "lost", "cancelled", "succeeded"],
)
def test_what_became_of_a_run_that_ended_badly_is_settled(
    settings: Settings, ended: str, status: Status
) -> None:
    action = ask("vacuum", on("tenant_acme"))
    run = JobRun(
        id=uuid4(), job=starting.PERFORM, title="x", queue="restores", actor=SYSTEM_ACTOR, status=ended
    )
    db.session.add(run)
    action.status, action.run_id = Status.RUNNING, run.id
    db.session.commit()
    starting.look_after_all(settings)
    db.session.remove()
    found = queries.get_action(action.id)
    assert found.status == status
    assert (found.run_id != run.id) == (ended == "succeeded")


def test_the_owner_may_see_and_signal_sessions(settings: Settings) -> None:
    assert erp_roles.MEMBERSHIPS[erp_roles.OWNER] == ("pg_signal_backend", "pg_read_all_stats")
    with maintenance_connection(settings.database_direct_url, 1000) as link, link.cursor() as at:
        at.execute("SELECT pg_has_role('pg_signal_backend', 'USAGE')")
        assert at.fetchone() == (True,)
