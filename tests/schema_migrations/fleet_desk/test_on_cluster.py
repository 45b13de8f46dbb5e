"""The whole way on a real cluster: backup, verdict, restore point, canary, failure, retry, done."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from dashboard.backups.drills.models import Verification
from dashboard.backups.models import Backup
from dashboard.backups.restoring.models import RestorePoint
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.fleet import jobs, planning
from dashboard.schema_migrations.fleet.models import FleetRun
from dashboard.stack.layout import ERP_DATABASE
from dashboard.tenancy import queries as tenancy
from tests.cluster import Cluster
from tests.conftest import Servers
from tests.schema_migrations.fleet import ground as grounds
from tests.schema_migrations.fleet_desk import desk as desks
from tests.schema_migrations.fleet_desk.desk import Desk, DeskGround

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster")]
DATABASE = "fleet_desk_cluster"
RUNS = "/database/migrations/runs/"
WRITTEN = ("verification", "restore_point", "backup")


def with_driver(url: str) -> str:
    """The address as SQLAlchemy wants it."""
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def settings_of(cluster: Cluster, settings: Settings) -> Settings:
    """The cluster with the fleet's database instead of its own."""
    urls = cluster.layout.erp_urls().items()
    named = {key.lower(): with_driver(url).replace(ERP_DATABASE, DATABASE) for key, url in urls}
    # Only there may the backup's login set restore points, which are of the whole cluster.
    named["backup_url"] = with_driver(cluster.layout.backup_url())
    return cluster.settings(settings).model_copy(update=named)


@pytest.fixture
def desk(
    app: Flask,
    servers: Servers,
    whole_cluster: Cluster,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    """A desk whose fleet is on the cluster that Barman backs up."""
    owner = whole_cluster.layout.erp_urls()["DATABASE_DIRECT_URL"].replace(f"/{ERP_DATABASE}", "/erp_test")
    site = Servers(whole_cluster.layout.erp, servers.valkey, tmp_path, {"DATABASE_DIRECT_URL": owner})
    ground = DeskGround(*desks.prepare(site, DATABASE), grounds.usual_history(tmp_path / "history"))
    observed = settings_of(whole_cluster, settings)
    made = desks.product(observed)
    monkeypatch.setattr(planning, "tenant_scripts", lambda: ground.history.scripts)
    monkeypatch.setattr(jobs, "get_settings", lambda: observed)
    tenancy.forget()
    with made.app_context():
        yield Desk(made, ground, {})
        desks.forget_everything()
        desks.forget_people()
        with control_transaction() as session:
            for table in WRITTEN:
                session.execute(text(f"DELETE FROM {table}"))
        for engine in db.engines.values():
            engine.dispose()
    grounds.remove(site, DATABASE)
    tenancy.forget()


def test_a_run_begins_with_a_verified_backup_and_goes_on_from_a_failed_canary(desk: Desk) -> None:
    desk.ground.settle(5, spares=1)
    desk.ground.history.write("a4", "a3", ["op.execute('ALTER TABLE item ADD CHECK (name <> \\'bad\\')')"])
    desk.ground.rows("INSERT INTO tenant_04.item (name) VALUES ('bad')")
    browser = desk.browser()
    run = desk.started(browser, desk.approved(browser), canary="tenant-04", skip_backup="", reason="")
    run_id = run.id
    assert desk.work(run).status == "failed"
    halted = desk.newest(FleetRun)
    assert (halted.status, halted.backup_skipped) == ("halted", "")
    backup = db.session.scalars(select(Backup).where(Backup.backup_id == halted.backup_id)).one()
    assert backup.verified_at is not None
    assert halted.started_at is not None, halted.reason
    assert backup.end_at is not None
    assert run.created_at < backup.end_at < halted.started_at, "the backup comes before the first schema"
    assert db.session.scalars(select(Verification.passed)).all() == [True]
    assert db.session.scalars(select(RestorePoint.name)).all() == [halted.restore_point]
    assert {name for name, at in desk.ground.versions().items() if at != "a1"} == {"tenant_04"}
    desk.ground.rows("DELETE FROM tenant_04.item WHERE name = 'bad'")
    assert browser.post(f"{RUNS}{run_id}/retry").status_code == 302
    assert desk.work(desk.newest(FleetRun)).status == "succeeded"
    done = desk.newest(FleetRun)
    assert (done.status, done.backup_id) == ("done", halted.backup_id), "one backup is enough"
    assert len(db.session.scalars(select(Backup.backup_id)).all()) >= 1
    assert set(desk.ground.versions().values()) == {"a4"}
    html = browser.get(f"{RUNS}{run_id}/").text
    assert done.backup_id in html
    assert done.restore_point in html
