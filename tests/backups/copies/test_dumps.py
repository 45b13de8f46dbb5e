"""Dumps of a real database: complete, restored as proof, broken ones found, killed ones not counted."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import update

from dashboard.backups.copies import archives, dumps, queries
from dashboard.backups.copies import service as service_of_copies
from dashboard.backups.copies.archives import ArchiveError, BrokenArchiveError, Source
from dashboard.backups.copies.control import of_control
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.setup import programs_of
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.store import control_transaction
from tests.backups.copies.places import Site, run_job, site
from tests.cluster import wait_until
from tests.conftest import Servers

__all__ = ["site"]
pytestmark = [pytest.mark.slow, pytest.mark.commits]


def newest(kind: CopyKind) -> BackupCopy:
    """The newest row of a kind, read anew."""
    db.session.rollback()
    row = queries.list_copies(kind, limit=1)[0]
    db.session.refresh(row)
    return row


def test_tenants_dump_restores_whole_and_names_no_other_tenant(site: Site) -> None:
    done = run_job("backups.dump_tenant", {"slug": "acme"})
    assert (done.status, done.error) == ("succeeded", ""), done.traceback
    copy = newest(CopyKind.TENANT)
    assert (copy.status, copy.subject, copy.proven_by) == ("done", "acme", dumps.PROOF)
    assert copy.details["tables"] >= 30
    path = site.path(copy)
    assert dumps.sha256_of(path) == copy.sha256
    assert path.stat().st_size == copy.size_bytes
    assert list(path.parent.iterdir()) == [path]  # nothing unfinished beside it
    assert b"Globex" not in path.read_bytes()


def test_database_and_control_database_are_dumped_and_proven(site: Site) -> None:
    for job, kind, table in (
        ("backups.dump_database", CopyKind.DATABASE, b"tenant_globex"),
        ("backups.dump_control", CopyKind.CONTROL, b"backup_copy"),
    ):
        done = run_job(job)
        assert (done.status, done.error) == ("succeeded", ""), done.traceback
        copy = newest(kind)
        assert copy.proven_at is not None
        assert table in site.path(copy).read_bytes()


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_dump_is_found_and_no_longer_counts(site: Site, damage: str) -> None:
    run_job("backups.dump_control")
    copy = newest(CopyKind.CONTROL)
    path = site.path(copy)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) * 6 // 10 :]
    else:
        data[len(data) * 8 // 10] ^= 1
    path.write_bytes(data)
    again = run_job("backups.prove_copy", {"copy_id": copy.id})
    assert again.status == "failed"
    assert again.error.startswith("Backup broken: ")
    copy = newest(CopyKind.CONTROL)
    assert (copy.status, copy.proven_at) == ("failed", None)
    assert queries.find_latest(CopyKind.CONTROL) is None


def test_archive_itself_tells_damage_without_its_hash(site: Site, tmp_path: Path) -> None:
    archive, programs = tmp_path / "archive", programs_of(site.settings)
    archives.dump(of_control(site.settings).source, archive, programs, lambda: None)
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(BrokenArchiveError, match="cannot be read to its end"):
        archives.read_through(archive, programs, lambda: None)
    archive.write_bytes(data)
    archives.read_through(archive, programs, lambda: None)
    with pytest.raises(ArchiveError, match="does not answer"):
        archives.prove(Source("postgresql://nobody@127.0.0.1:9/x"), archive, programs, lambda: None)


def test_login_that_may_not_read_sealed_prices_is_refused_and_told(site: Site, settings: Settings) -> None:
    url = settings.database_direct_url.replace("steward_owner:owner", "steward_monitor:monitor")
    with pytest.raises(ArchiveError) as refusal:
        archives.dump(
            Source(url, "tenant_acme"), site.settings.home / "x", programs_of(settings), lambda: None
        )
    assert "monitor" not in str(refusal.value)
    assert "permission denied" in str(refusal.value)


def test_retention_spares_the_newest_good_one(site: Site) -> None:
    for number in (1, 2):
        copy = service_of_copies.begin(CopyKind.CONTROL, "x", location="", actor="x", run_id=None)
        stored = site.place.put_file(f"control/{number}.dump", Path(__file__))
        copy.location = stored
        service_of_copies.finish(copy, size_bytes=1, key=f"control/{number}.dump")
    db.session.commit()
    old, new = reversed(queries.list_copies(CopyKind.CONTROL))
    paths = site.path(old), site.path(new)
    later = datetime.now(UTC) + timedelta(days=400)
    assert dumps.forget_old(CopyKind.CONTROL, site.settings, later) == 1
    db.session.commit()
    assert [path.exists() for path in paths] == [False, True]
    assert [old.status, new.status] == ["gone", "done"]
    assert dumps.forget_old(CopyKind.CONTROL, site.settings, later) == 0


DUMPING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump'"
CHILD = """
import sys
from dashboard.app import create_app
from dashboard.jobs.runner import perform
with create_app().app_context():
    perform(sys.argv[1])
"""


def test_worker_killed_in_the_middle_leaves_nothing_that_counts(site: Site, servers: Servers) -> None:
    environment = os.environ | {
        "STEWARD_BACKUP_URL": str(site.settings.backup_url),
        "STEWARD_COPIES_URL": site.settings.copies_url,
    }
    run = service.enqueue("backups.dump_tenant", {"slug": "acme"}, actor=SYSTEM_ACTOR)
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as at:
        at.execute("LOCK TABLE tenant_acme.supplier")  # so that the dump waits in its middle
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(run.id)], env=environment)
        waiting = (
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
        )
        wait_until(lambda: servers_say(servers, waiting), 60, "pg_dump does not wait")
        child.send_signal(signal.SIGKILL)
        child.wait()
    wait_until(lambda: not servers_say(servers, DUMPING), 20, "pg_dump lives on")
    assert newest(CopyKind.TENANT).status == "running"
    assert queries.find_latest(CopyKind.TENANT) is None
    assert list(site.place.objects("tenant")) == []
    with control_transaction() as session:
        session.execute(update(JobRun).values(status="lost"))
    done = run_job("backups.dump_tenant", {"slug": "acme"})
    assert done.status == "succeeded"
    after, before = queries.list_copies(CopyKind.TENANT)
    assert (before.status, after.status) == ("failed", "done")
    assert "broken off" in before.reason
    assert list((site.settings.home / "copies-unfinished").iterdir()) == []


def servers_say(servers: Servers, query: str) -> bool:
    """Whether a query finds anything."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as at:
        at.execute(query)
        return at.fetchone() is not None
