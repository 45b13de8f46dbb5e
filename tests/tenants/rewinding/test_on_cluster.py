"""The time machine on a real cluster: backed up by Barman, restored, loaded, compared, swapped and undone."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import delete, select, text

from dashboard.app import create_app
from dashboard.backups import queries as catalogue
from dashboard.backups import reviewing
from dashboard.backups import service as backups
from dashboard.backups.restoring.models import Restore
from dashboard.backups.restoring.service import scratch_root
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.metrics.service import record
from dashboard.schema_migrations import service as migrations
from dashboard.servers import bootstrap_erp
from dashboard.servers.scratch import list_scratch_servers
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.rewinding import jobs as rewind_jobs
from dashboard.tenants.rewinding import preparing, service, settling
from dashboard.tenants.rewinding.models import Rewind, RewindStatus
from dashboard.tenants.service import create_tenant
from tests.cluster import Cluster, wait_until
from tests.tenants.rewinding.past import Past, past_of, remove_tenant

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster")]
DATABASE = "erp_rewind"
# Rows that the swap may not take from the truth: openings of sealed bids that were put off since.
PUT_OFF = "rfq_seal"


@dataclass
class Machine:
    """The product on the cluster, a tenant with a past, and two others that work on meanwhile."""

    cluster: Cluster
    settings: Settings
    past: Past
    others: list[TenantRef]

    def now(self) -> datetime:
        """The server's clock."""
        found: datetime = self.past.sql("SELECT clock_timestamp()")[0][0]
        return found

    def reach(self, at: datetime) -> None:
        """Wait until the repository can restore to a moment."""
        barman = backups.barman_of(self.settings)

        def reached() -> bool:
            # what the probe notes every ten seconds
            at_now, position = self.past.sql(
                "SELECT clock_timestamp(), pg_current_wal_lsn() - '0/0'::pg_lsn"
            )[0]
            record({"wal.position": float(position)}, at=at_now)
            self.cluster.sql("SELECT pg_switch_wal()")
            self.cluster.barman("cron")
            backups.sync_catalogue(barman)
            db.session.commit()
            until = reviewing.window_of(catalogue.get_repository()).get("until_at")
            return bool(until and until > at)

        wait_until(reached, 40, "the WAL did not arrive")

    def back_up(self) -> None:
        """Make a backup and let the catalogue know."""
        barman = backups.barman_of(self.settings)
        backups.back_up(
            barman, mode="full", on_line=lambda _: None, on_phase=lambda *_: None, tick=lambda: None
        )
        backups.sync_catalogue(barman)
        db.session.commit()

    def open(self, at: datetime) -> Rewind:
        """Begin a rewind as the page does."""
        rewind = service.open_rewind(db.session(), self.past.tenant, at, actor="dba")
        db.session.commit()
        self.past.number = rewind.id
        return rewind

    def ask(self, job: str, rewind: Rewind) -> JobRun:
        """Ask for a job of the time machine."""
        return jobs.enqueue(job, {"rewind": rewind.id}, actor="schedule", tenant=self.past.tenant.slug)

    def perform(self, job: str, rewind: Rewind) -> JobRun:
        """Ask for a job and work it off; it must succeed."""
        asked = self.ask(job, rewind)
        perform(str(asked.id))
        with control_transaction() as session:
            done = session.get(JobRun, asked.id)
        assert done is not None
        assert (done.status, done.error) == ("succeeded", ""), done.traceback
        return done


@pytest.fixture(scope="module")
def machine(app: Flask, cluster: Cluster, settings: Settings) -> Iterator[Machine]:
    """A database of its own on the cluster, with the product in front of it."""
    bootstrap_erp(cluster.layout.erp.url("postgres"), DATABASE, cluster.layout.erp_passwords())
    urls = {name: url.replace("/erp_dev", f"/{DATABASE}") for name, url in cluster.layout.erp_urls().items()}
    fields = {name.lower(): url.replace("postgresql:", "postgresql+psycopg2:") for name, url in urls.items()}
    observed = cluster.settings(settings).model_copy(update=fields)
    tenancy.forget()
    patch = pytest.MonkeyPatch()
    patch.setattr(rewind_jobs, "get_settings", lambda: observed)
    with create_app(observed).app_context():
        migrations.upgrade_all(lambda _line: None)
        with past_of(cluster.layout.erp.url, DATABASE, observed) as past:
            others = [create_tenant(name) for name in ("Alpha", "Beta")]
            yield Machine(cluster, observed, past, others)
            for tenant in others:
                remove_tenant(tenant)
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    patch.undo()
    tenancy.forget()
    past.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)", database="postgres")
    with app.app_context(), control_transaction() as session:
        for table in ("rewind", "restore", "job_run", "reading", "backup"):
            session.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def ready(machine: Machine, whole_cluster: Cluster) -> Iterator[Machine]:
    """The machine within its app; scratch servers that a test left are removed."""
    with create_app(machine.settings).app_context():
        yield machine
        db.session.remove()
        for server in list_scratch_servers(scratch_root(machine.settings)):
            server.remove()


@dataclass
class Writers:
    """Threads that write for other tenants as the app does; what failed, and how often it went well."""

    failures: list[str] = field(default_factory=list)
    commits: int = 0
    longest: float = 0.0

    def write(self, url: str, tenant: TenantRef, stop: threading.Event) -> None:
        """Insert, update and read until told to stop."""
        with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as link, link.cursor() as at:
            number = 0
            while not stop.wait(0.01):
                number += 1
                begun = time.monotonic()
                try:
                    at.execute(
                        f"SET LOCAL ROLE {tenant.role}; SET LOCAL search_path TO {tenant.schema}, public"
                    )
                    at.execute(
                        "INSERT INTO unit (code, name, factor) VALUES (%s, 'Unit', 1)", (f"u{number}",)
                    )
                    at.execute("UPDATE unit SET name = 'Changed' WHERE code = %s", (f"u{number}",))
                    link.commit()
                    self.commits += 1
                except psycopg2.Error as error:
                    link.rollback()
                    self.failures.append(str(error))
                self.longest = max(self.longest, time.monotonic() - begun)

    @contextmanager
    def at_work(self, url: str, tenants: list[TenantRef]) -> Iterator["Writers"]:
        """Write for some tenants meanwhile."""
        stop = threading.Event()
        threads = [threading.Thread(target=self.write, args=(url, tenant, stop)) for tenant in tenants]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def work_a_little(machine: Machine) -> None:
    """After the backup: rows that only the WAL has, and a shared row that the tenant refers to."""
    schema = machine.past.tenant.schema
    with db.engines["owner"].begin() as owner:
        owner.exec_driver_sql(
            "CREATE TABLE public.region (code text PRIMARY KEY);"
            "CREATE TABLE public.incoterm (code text PRIMARY KEY, region text REFERENCES public.region);"
            "INSERT INTO public.region VALUES ('EU'), ('US');"
            "INSERT INTO public.incoterm VALUES ('DAP', 'EU'), ('FOB', 'US');"
            f"ALTER TABLE {schema}.supplier ADD COLUMN incoterm text REFERENCES public.incoterm;"
        )
    with use_tenant(machine.past.tenant, actor="buyer") as session:
        session.execute(text("UPDATE supplier SET incoterm = 'DAP' WHERE id <= 3"))
        for number in range(5):
            session.execute(
                text("INSERT INTO unit (code, name, factor) VALUES (:code, 'After the backup', 1)"),
                {"code": f"after-{number}"},
            )
        session.commit()


def damage(machine: Machine) -> None:
    """What somebody did by mistake after the moment to go back to."""
    past = machine.past
    with use_tenant(past.tenant, actor="mishap") as session:
        session.execute(text("DELETE FROM message"))
        session.execute(text("UPDATE supplier SET name = name || ' damaged', incoterm = NULL"))
        for number in range(9):
            session.execute(
                text("INSERT INTO unit (code, name, factor) VALUES (:code, 'Later', 1)"),
                {"code": f"later-{number}"},
            )
        session.commit()
    past.sql("UPDATE rfq_seal SET opens_at = opens_at + interval '2 days' WHERE opens_at > now()")
    with db.engines["owner"].begin() as owner:
        owner.exec_driver_sql(
            "DELETE FROM public.incoterm WHERE code = 'DAP'; DELETE FROM public.region WHERE code = 'EU'"
        )


def without(truth: dict[str, dict[str, int]], table: str = PUT_OFF) -> dict[str, dict[str, int]]:
    return {name: rows for name, rows in truth.items() if name != table}


def test_one_tenant_goes_back_while_the_others_work_on(
    ready: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    past = ready.past
    ready.back_up()
    work_a_little(ready)
    writers = Writers()
    with writers.at_work(str(ready.settings.database_url), ready.others):
        truth, sequences = past.truth(), past.sequences()
        moment = ready.now()
        time.sleep(0.2)
        damage(ready)
        ready.reach(moment)
        damaged = past.truth()
        begun = time.monotonic()
        rewind = ready.open(moment)
        ready.perform("tenants.rewind", rewind)
        seconds = time.monotonic() - begun
        assert past.truth(past.beside) == truth
        assert past.truth() == damaged
        _check_sequences(past.sequences(past.beside), sequences)
        assert past.sql("SELECT region FROM public.incoterm WHERE code = 'DAP'") == [("EU",)]

        with _used_connection(ready) as insert:
            before = past.truth()
            swap = ready.perform("tenants.swap_rewind", rewind)
            assert without(past.truth()) == without(truth)
            _check_seals(ready)
            insert("after the swap")
            assert past.sql("SELECT count(*) FROM unit WHERE code = 'after the swap'") == [(1,)]
            _check_triggers_and_keys(ready)
        undo = ready.perform("tenants.undo_rewind", rewind)
        assert past.truth() == before
    assert writers.failures == []
    assert writers.commits > 100
    assert swap.result is not None
    assert undo.result is not None
    figures = [float(str(run.result["swap_ms"])) for run in (swap, undo) if run.result]
    with capsys.disabled():
        print(  # noqa: T201
            f"\nrewind in {seconds:.1f} s; swap {figures[0]} ms, undo {figures[1]} ms;"
            f" {writers.commits} commits of others, none failed, the longest took {writers.longest:.2f} s"
        )
    assert max(figures) <= 100
    ready.perform("tenants.discard_rewind", rewind)
    assert past.sql("SELECT count(*) FROM pg_namespace WHERE nspname ~ '__(then|aside)_'") == [(0,)]
    assert list_scratch_servers(scratch_root(ready.settings)) == []


def _check_sequences(found: dict[str, int | None], truth: dict[str, int | None]) -> None:
    """As of then; where no history tells of rows that failed, at least not ahead."""
    assert found["unit_id_seq"] == truth["unit_id_seq"]
    assert found["supplier_id_seq"] == truth["supplier_id_seq"]
    assert found["row_history_id_seq"] == truth["row_history_id_seq"]
    ahead = {name: (found[name], at) for name, at in truth.items() if (found[name] or 0) > (at or 0)}
    assert ahead == {}


@contextmanager
def _used_connection(machine: Machine) -> Iterator[Callable[[str], None]]:
    """A pooled connection that worked before the swap: its plans and triggers are remembered."""
    tenant = machine.past.tenant
    with closing(psycopg2.connect(str(machine.settings.database_url).replace("+psycopg2", ""))) as link:

        def insert(code: str) -> None:
            with link.cursor() as at:
                at.execute(f"SET LOCAL ROLE {tenant.role}; SET LOCAL search_path TO {tenant.schema}, public")
                at.execute("INSERT INTO unit (code, name, factor) VALUES (%s, 'U', 1)", (code,))
                at.execute("UPDATE supplier SET name = name WHERE id = 1")
                at.execute("SELECT max(request_id) FROM row_history")
            link.commit()

        insert("before the swap")
        yield insert


def _check_seals(machine: Machine) -> None:
    """Openings that were put off hold, and nobody of the tenant sees a price before them."""
    late = machine.past.sql("SELECT count(*) FROM rfq_seal WHERE opens_at > now() + interval '2 days'")
    assert late[0][0] > 0
    with use_tenant(machine.past.tenant, actor="curious") as session:
        sealed = "SELECT rfq_id FROM rfq_seal WHERE opens_at > now()"
        assert session.scalar(text(f"SELECT count(*) FROM quote_price WHERE rfq_id IN ({sealed})")) == 0
    hidden = machine.past.sql(f"SELECT count(*) FROM quote_price WHERE rfq_id IN ({sealed})")
    assert hidden[0][0] > 0


def _check_triggers_and_keys(machine: Machine) -> None:
    """The restored schema keeps its history in itself, and its keys lead into itself."""
    newest = machine.past.sql(
        "SELECT new ->> 'code' FROM row_history WHERE table_name = 'unit' ORDER BY id DESC"
    )
    assert newest[0] == ("after the swap",)
    schema = machine.past.tenant.schema
    elsewhere = machine.past.sql(
        "SELECT count(*) FROM pg_constraint WHERE connamespace = %s::regnamespace AND contype = 'f'"
        " AND (SELECT relnamespace FROM pg_class WHERE oid = confrelid)"
        " NOT IN (%s::regnamespace, 'public'::regnamespace)",
        schema,
        schema,
    )
    assert elsewhere == [(0,)]


def test_a_killed_rewind_leaves_nothing(ready: Machine) -> None:
    past = ready.past
    moment = ready.now()
    ready.reach(moment)
    rewind = ready.open(moment)
    asked = ready.ask("tenants.rewind", rewind)
    environment = os.environ | {
        "DATABASE_URL": str(ready.settings.database_url),
        "DATABASE_DIRECT_URL": str(ready.settings.database_direct_url),
        "DATABASE_MONITOR_URL": str(ready.settings.database_monitor_url),
        "STEWARD_BARMAN_CONFIG": str(ready.settings.barman_config),
    }
    code = (
        "import sys; from dashboard.app import create_app; from dashboard.jobs.registry import import_jobs;"
        " from dashboard.jobs.runner import perform; import_jobs();"
        " create_app().app_context().push(); perform(sys.argv[1])"
    )
    worker = subprocess.Popen([sys.executable, "-c", code, str(asked.id)], env=environment)
    name = past.beside
    there = f"SELECT count(*) FROM pg_namespace WHERE nspname = '{name}'"
    try:
        wait_until(lambda: worker.poll() is not None or past.sql(there) == [(1,)], 180)
        assert worker.poll() is None, "it ended before it could be killed"
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    with control_transaction() as session:
        run = session.get(JobRun, asked.id)
        assert run is not None
        run.status = RunStatus.LOST  # as the relay does when the heartbeat has stopped
        left = session.get(Rewind, rewind.id)
        assert left is not None
        left.created_at -= settling.GRACE
        restore = session.get(Restore, left.restore_id)
        assert restore is not None
    assert settling.sweep(preparing.owner_engine(ready.settings), ready.settings) == {
        "cleared": 1,
        "corrected": 0,
    }
    assert past.sql(there) == [(0,)]
    assert not preparing.folder_of(rewind, ready.settings).exists()
    assert list_scratch_servers(scratch_root(ready.settings)) == []
    with control_transaction() as session:
        found = session.scalar(select(Rewind).where(Rewind.id == rewind.id))
        assert found is not None
        assert (found.status, found.reason) == (RewindStatus.FAILED, settling.LOST)
        session.execute(delete(JobRun).where(JobRun.id == asked.id))
