"""Tenants are created while migrations run, and none is left behind at a former revision."""

import time
from threading import Event, Thread

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.schema_migrations.fleet import executing
from dashboard.schema_migrations.fleet.models import FleetRun
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.service import MigrationError, locked_connection
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import locking
from dashboard.tenants.service import create_tenant
from tests.tenants.creating.conftest import Makings

pytestmark = [
    pytest.mark.commits,
    pytest.mark.xdist_group("creating"),
    pytest.mark.usefixtures("blueprint"),
]


class Holder(Thread):
    """Holds a lock on a thread of its own until told otherwise, at most for a while."""

    def __init__(self, app: Flask, taken: str, seconds: float) -> None:
        super().__init__()
        self.app = app
        self.taken = taken
        self.seconds = seconds
        self.is_held = Event()

    def run(self) -> None:
        with self.app.app_context():
            lock = locked_connection("owner") if self.taken == "migrator" else locking.creating()
            with lock:
                self.is_held.set()
                time.sleep(self.seconds)


def test_a_creation_waits_for_a_migration_of_moments(makings: Makings) -> None:
    holder = Holder(makings.app, "migrator", 0.4)
    holder.start()
    holder.is_held.wait()
    assert isinstance(create_tenant("Meanwhile", makings.slug()), TenantRef)
    holder.join()


def test_a_creation_gives_up_when_the_migration_lasts(
    makings: Makings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "PATIENCE_SECONDS", 0.1)
    slug = makings.slug()
    with locked_connection("owner"), pytest.raises(MigrationError, match="A migration is running"):
        create_tenant("Never", slug)
    assert makings.traces(slug) == []


def test_a_creation_does_not_turn_a_migrator_away(makings: Makings) -> None:
    holder = Holder(makings.app, "creation", 0.3)
    holder.start()
    holder.is_held.wait()
    with locked_connection("owner"):
        pass
    holder.join()


def test_a_run_takes_a_tenant_along_that_appeared_meanwhile(
    makings: Makings, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [Step(0, "9999", transactional=True, statements=("SELECT 1",), reaches="9999")]
    run = FleetRun(id=987_656, options={"shares": [1.0]})
    monkeypatch.setattr(executing, "start_of", lambda _scripts, _steps: blueprints.head())
    try:
        assert executing.adopt(run, steps, get_settings()) >= 2
        assert executing.adopt(run, steps, get_settings()) == 0
        made = create_tenant("Meanwhile", makings.slug())
        assert executing.adopt(run, steps, get_settings()) == 1
        query = text("SELECT status FROM public.fleet_task WHERE run_id = 987656 AND schema_name = :schema")
        with db.engines["owner"].connect() as connection:
            assert connection.scalar(query, {"schema": made.schema}) == "pending"
    finally:
        makings.sql("DELETE FROM fleet_task WHERE run_id = 987656")


def test_a_process_of_the_former_release_creates_during_a_rollout_but_not_after_it(
    makings: Makings, acme: TenantRef
) -> None:
    ahead = "UPDATE schema_head SET revision = :revision WHERE schema_name = :schema"
    task = "INSERT INTO fleet_task (run_id, schema_name, wave) VALUES (987655, 'tenant_globex', 0)"
    makings.sql(f"{ahead}", revision="9999", schema=acme.schema)
    try:
        with pytest.raises(MigrationError, match="older release"):
            create_tenant("Left behind", makings.slug())
        makings.sql(task)
        assert create_tenant("Taken along", makings.slug()).status == "active"
    finally:
        makings.sql("DELETE FROM fleet_task WHERE run_id = 987655")
        makings.sql(
            "UPDATE schema_head SET revision = (SELECT revision FROM schema_head WHERE schema_name ="
            " 'tenant_globex') WHERE schema_name = :schema",
            schema=acme.schema,
        )
