"""A desk over a small fleet: the product on a database of its own, with real jobs run on the spot."""

import secrets
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text

from dashboard.app import create_app
from dashboard.core.config import Settings
from dashboard.core.db import SharedModel, db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun
from dashboard.tenancy import queries as tenancy
from dashboard.users.service import create_operator
from tests.conftest import PASSWORD, Browser, Servers
from tests.schema_migrations.fleet import ground as grounds
from tests.schema_migrations.fleet.ground import Ground

WRITTEN = ("fleet_run", "rehearsal", "fleet_plan", "job_run", "reading", "alert", "alert_event")
Row = TypeVar("Row", FleetPlan, FleetRun)
NO_BACKUP = "A test without Barman"
# Without it nobody reads where the fleet stands: the shared tables come first.
SHARED_VERSION = "CREATE TABLE public.shared_version AS SELECT CAST('0001' AS text) AS version_num"


class DeskGround(Ground):
    """The fleet's database with all shared tables, which refer to tenants."""

    def clear(self) -> None:
        """Drop everything again."""
        with self.link() as link, link.cursor() as at:
            at.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(tenant|spare|template)_'")
            for (name,) in at.fetchall():
                at.execute(f"DROP SCHEMA {name} CASCADE")
            at.execute("TRUNCATE public.tenant, public.schema_head, public.fleet_task CASCADE")
        tenancy.forget()


def prepare(servers: Servers, name: str) -> tuple[str, str]:
    """Make a database with every shared table, which the product's logins may read; see `grounds.prepare`."""
    urls = grounds.prepare(servers, name)
    engine = create_engine(urls[0].replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        SharedModel.metadata.create_all(connection)
        connection.execute(text(SHARED_VERSION))
        connection.execute(
            text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO steward_app, steward_monitor")
        )
    engine.dispose()
    return urls


def product(settings: Settings) -> Flask:
    """The product with other settings than those of the session."""
    made = create_app(settings)
    made.test_client_class = Browser
    made.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    return made


@dataclass
class Desk:
    """What a test does at the desk."""

    app: Flask
    ground: DeskGround
    people: dict[str, FlaskClient]

    def browser(self, role: str = "dba") -> FlaskClient:
        """Somebody who has logged in; the same for all tests."""
        return self.people.get(role) or self._log_in(role)

    def _log_in(self, role: str) -> FlaskClient:
        email = f"fleet-{role}-{secrets.token_hex(4)}@example.com"
        create_operator(email, "Fleet Person", PASSWORD, [(role, None)])
        db.session.commit()
        browser = self.app.test_client()
        assert browser.post("/login", data={"email": email, "password": PASSWORD}).status_code == 302
        self.people[role] = browser
        return browser

    def plan(self, to: str = "head") -> FleetPlan:
        """A plan, made by its job."""
        run = self.do("fleet.plan", to=to)
        assert (run.status, run.error) == ("succeeded", ""), run.traceback
        return self.newest(FleetPlan)

    def approved(self, browser: FlaskClient, to: str = "head") -> FleetPlan:
        """A plan that was approved on its page."""
        plan = self.plan(to)
        form = {"sql_hash": plan.sql_hash[:8], "note": "It is a test, nobody minds."}
        answer = browser.post(f"/database/migrations/plans/{plan.id}/approve", data=form)
        assert answer.status_code == 302, answer.text
        return plan

    def started(self, browser: FlaskClient, plan: FleetPlan, **form: Any) -> FleetRun:
        """A run that was started on its plan's page, its job not yet at work."""
        data = {"waves": "25, 100", "workers": "2", "skip_backup": "y", "reason": NO_BACKUP} | form
        answer = browser.post(f"/database/migrations/plans/{plan.id}/start", data=data)
        assert answer.status_code == 302, answer.text
        return self.newest(FleetRun)

    def work(self, run: FleetRun) -> JobRun:
        """Let the run's job work."""
        db.session.expire_all()
        job_id = self.newest(FleetRun).job_run_id
        assert job_id is not None
        assert run.id == self.newest(FleetRun).id
        perform(str(job_id))
        db.session.expire_all()
        return job_queries.get_run(job_id)

    def do(self, job: str, **arguments: Any) -> JobRun:
        """Ask for a job, do it, and return its run."""
        run = jobs.enqueue(job, arguments, actor=SYSTEM_ACTOR)
        perform(str(run.id))
        db.session.expire_all()
        return job_queries.get_run(run.id)

    def newest(self, model: type[Row]) -> Row:
        """The newest plan or run."""
        found = self.find_newest(model)
        assert found is not None
        return found

    def find_newest(self, model: type[Row]) -> Row | None:
        """The newest plan or run, if there is one."""
        db.session.expire_all()
        return db.session.scalar(select(model).order_by(model.id.desc()).limit(1))


def forget_everything() -> None:
    """Remove what the desk's tests have written."""
    db.session.remove()
    with control_transaction() as session:
        for table in WRITTEN:
            session.execute(text(f"DELETE FROM {table}"))


def forget_people() -> None:
    """Remove who logged in."""
    with control_transaction() as session:
        session.execute(text("DELETE FROM operator WHERE email LIKE 'fleet-%@example.com'"))
