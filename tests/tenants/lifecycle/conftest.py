"""One tenant with demo data for the tests of this folder, and jobs run as the worker runs them."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.files import service as files
from dashboard.files.setup import current_setup
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.lifecycle import jobs as lifecycle_jobs
from dashboard.tenants.lifecycle import queries, suspending, sweeping
from dashboard.tenants.lifecycle.models import TenantArchive
from tests.conftest import Servers
from tests.tenants.rewinding.past import Past, past_of

LEFT = "SELECT nspname FROM pg_namespace UNION SELECT rolname FROM pg_roles"
CONTENT = b"%PDF-1.4\n% an offer\n"


def files_of(schema: str) -> list[str]:
    """The uploaded files of a schema."""
    store = current_setup().store
    return [found.key for folder in store.folders(schema) for found in store.objects(folder)]


@dataclass
class Town:
    """A tenant to work on, and what its jobs see."""

    past: Past
    settings: Settings

    @property
    def tenant(self) -> TenantRef:
        """The tenant as the registry has it now."""
        tenancy.forget()
        return next(one for one in tenancy.list_tenants() if one.id == self.past.tenant.id)

    def run(self, job: str, /, **arguments: Any) -> JobRun:
        """Run a job to its end and return its row."""
        run = self.enqueue(job, **arguments)
        perform(str(run.id))
        tenancy.forget()
        return job_queries.get_run(run.id)

    def enqueue(self, job: str, /, **arguments: Any) -> JobRun:
        """Ask for a job of this tenant's life."""
        arguments = {"slug": self.past.tenant.slug} | arguments
        return service.enqueue(f"tenants.{job}", arguments, actor=SYSTEM_ACTOR)

    def kill(self, job: str, where: Any, at: str, /, **arguments: Any) -> JobRun:
        """Run a job in a process of its own that is killed with -9 where it calls `where.at`."""
        run = self.enqueue(job, **arguments)
        child = os.fork()
        if not child:
            with suppress(BaseException):
                for engine in db.engines.values():
                    engine.dispose(close=False)
                setattr(where, at, lambda *_args, **_more: os.kill(os.getpid(), signal.SIGKILL))
                perform(str(run.id))
            os._exit(1)
        _pid, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "the job did not come to where it was to be killed"
        tenancy.forget()
        return run

    def lose(self, run: JobRun) -> None:
        """Say what the relay says of a run whose worker died, when no attempt is left."""
        with control_transaction() as session:
            lost = {"status": "lost", "finished_at": text("clock_timestamp()")}
            session.execute(update(JobRun).where(JobRun.id == run.id).values(lost))

    def take_up(self, run: JobRun) -> JobRun:
        """Run a killed job again, as the relay does."""
        with control_transaction() as session:
            session.execute(update(JobRun).where(JobRun.id == run.id).values(status="queued"))
        perform(str(run.id))
        return job_queries.get_run(run.id)

    def sweep(self) -> dict[str, int]:
        """Do what is timed."""
        return sweeping.sweep(self.settings)

    def names(self) -> set[str]:
        """All schemas and roles of the server."""
        return {name for (name,) in self.past.sql(LEFT)}

    def archives(self) -> list[TenantArchive]:
        """The archives of this tenant, newest first."""
        return [one for one in queries.list_archives() if one.tenant_id == self.past.tenant.id]

    def attach(self, tenant: TenantRef | None = None) -> int:
        """Put a file on a record; returns its row's id."""
        with use_tenant(tenant or self.tenant, actor="tester@example.com") as session:
            source = BytesIO(CONTENT)
            row = files.store(session, "supplier", 1, "offer.pdf", source)
            session.commit()
            return row.id

    def read(self, tenant: TenantRef, attachment: int) -> bytes:
        """The bytes of a file as a tenant sees them."""
        with use_tenant(tenant, actor="tester@example.com") as session:
            found = files.get_file(session, attachment, guarded=False)
            return files.read_file(session, found, guarded=False)


@pytest.fixture(scope="package")
def shared_town(app: Flask, servers: Servers, settings: Settings) -> Iterator[Past]:
    """A tenant with demo data in the test database."""
    with app.app_context(), past_of(servers.postgres.url, "erp_test", settings) as past:
        yield past


@pytest.fixture
def town(
    app: Flask,
    servers: Servers,
    settings: Settings,
    shared_town: Past,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Town]:
    """The tenant, with a store of copies of the test's own; rows of the control database go again."""
    dumper = servers.postgres.url("erp_test", "steward_backup", "backup")
    changed = settings.model_copy(
        update={
            "backup_url": dumper.replace("postgresql://", "postgresql+psycopg2://"),
            "copies_url": (tmp_path / "copies").as_uri(),
        }
    )
    monkeypatch.setattr(lifecycle_jobs, "get_settings", lambda: changed)
    with app.app_context():
        before = {one.id for one in tenancy.list_tenants()}
        yield Town(shared_town, changed)
        db.session.remove()
        _clean(Town(shared_town, changed), before)


def _clean(town: Town, before: set[int]) -> None:
    """Remove tenants that a test made, and what it left in the control database."""
    tenancy.forget()
    for tenant in tenancy.list_tenants():
        if tenant.id not in before:
            town.past.sql(f"DROP SCHEMA IF EXISTS {tenant.schema} CASCADE")
            town.past.sql(f"DROP ROLE IF EXISTS {tenant.role}")
            town.past.sql("DELETE FROM public.tenant WHERE id = %s", tenant.id)
    if town.tenant.status == "suspended":
        suspending.resume(town.tenant, actor="tester@example.com")
    with control_transaction() as session:
        for table in ("tenant_archive", "job_run", "setting"):
            session.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def admin(login: Callable[..., FlaskClient]) -> FlaskClient:
    """Somebody who may do everything."""
    return login("admin")
