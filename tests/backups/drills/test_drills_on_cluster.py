"""Drills of real backups by Barman: a good one, broken ones, and a worker that dies in the middle."""

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from dashboard.alerts.registry import Unknown, Watch, all_conditions
from dashboard.backups.drills import jobs as drill_jobs
from dashboard.backups.drills import queries
from dashboard.backups.drills.checks import EDGE
from dashboard.backups.drills.models import Drill, Outcome, Verification
from dashboard.backups.models import Backup
from dashboard.backups.restoring.models import Restore
from dashboard.backups.restoring.service import scratch_root
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.pace import Pace
from dashboard.jobs.relay import relay_once
from dashboard.jobs.runner import perform
from tests.cluster import Cluster, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster")]


WORKER = """
import sys
from dashboard.app import create_app
from dashboard.jobs.runner import perform
app = create_app()
with app.app_context():
    perform(sys.argv[1])
"""


def drill_now(**args: str) -> tuple[JobRun, Drill]:
    """Ask for a drill as the schedule does, work on it as the worker does; return its run and evidence."""
    asked = jobs.enqueue(queries.DRILL, args, actor=SYSTEM_ACTOR)
    perform(str(asked.id))
    db.session.expire_all()
    (drill,) = db.session.query(Drill).filter_by(run_id=asked.id)
    return job_queries.get_run(asked.id), drill


def said_of(rule: str) -> str:
    """What the alert of this rule says now; '' when there is none."""
    answer = all_conditions()[rule].function(Watch(datetime.now(UTC)))
    assert not isinstance(answer, Unknown)
    return answer[0].reason if answer else ""


def by_name(drill: Drill) -> dict[tuple[str, str], str]:
    """The status of each check, with its detail when it is not passed."""
    return {
        (check["name"], check["subject"]): check["status"]
        if check["status"] == "passed"
        else f"{check['status']}: {check['detail']}"
        for check in drill.checks
    }


def test_a_drill_runs_unattended_and_is_green(
    drill_settings: Settings, backup_id: str, whole_cluster: Cluster
) -> None:
    time.sleep(EDGE.total_seconds() + 1)  # younger clocked rows are not asked for
    whole_cluster.sql("INSERT INTO ledger VALUES (901, 'after the backup')")
    run, drill = drill_now()
    assert (run.status, run.error) == ("succeeded", ""), run.traceback
    assert (drill.outcome, drill.reason, drill.backup_id) == (Outcome.PASSED, "", backup_id)
    found = by_name(drill)
    assert set(found.values()) == {"passed"}, found
    for name in ("server.amcheck", "server.pages", "server.checksums", "tenants.present", "canary"):
        assert (name, "cluster") in found
    for name in ("migrations.head", "tenant.rows", "erp.numbers", "erp.stock"):
        assert (name, "drilled") in found
    heads = {
        check["subject"]: check["detail"] for check in drill.checks if check["name"] == "migrations.head"
    }
    assert heads.keys() == {"cluster", "drilled"}
    assert all(re.fullmatch(r"at 0\d{3}", head) for head in heads.values()), heads
    assert {"plan", "fetch", "wal", "replay", "promote", "checks"} <= drill.phases.keys()
    assert drill.rto_seconds == pytest.approx(sum(drill.phases.values()), abs=0.01)
    assert drill.rpo_seconds is not None
    assert drill.rpo_seconds <= 2
    assert drill.cluster_bytes
    verdict = db.session.query(Verification).filter_by(drill_id=drill.id).one()
    assert (verdict.method, verdict.passed, verdict.backup_id) == ("restored", True, backup_id)
    backup = db.session.get(Backup, ("main", backup_id))
    assert backup is not None
    assert backup.verified_at == drill.finished_at
    restore = db.session.get(Restore, drill.restore_id)
    assert restore is not None
    assert restore.status == "gone"
    assert list(scratch_root(drill_settings).iterdir()) == []


def archive_of(cluster: Cluster, backup_id: str) -> Path:
    """The packed data folder of a backup in Barman's repository."""
    return cluster.layout.barman / "main" / "base" / backup_id / "data" / "base.tar.gz"


@contextmanager
def changed(archive: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    """Change a file of the repository, and put it back afterwards."""
    good = archive.read_bytes()
    archive.write_bytes(change(good))
    try:
        yield
    finally:
        archive.write_bytes(good)


def flipped(data: bytes, at: int) -> bytes:
    """The same bytes but one."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def ended_before(member: str) -> Callable[[bytes], bytes]:
    """End a packed folder before one file, as damage does that unpacks to zeros: nothing complains of it."""

    def change(packed: bytes) -> bytes:
        plain = gzip.decompress(packed)
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            names = {name.removeprefix("./"): name for name in archive.getnames()}
            end = archive.getmember(names[member]).offset
        return gzip.compress(plain[:end] + bytes(2 * tarfile.BLOCKSIZE), 1)

    return change


def inside(member: str, at: int) -> Callable[[bytes], bytes]:
    """Flip a byte of one file in a packed folder, and pack it again as if nothing were wrong."""

    def change(packed: bytes) -> bytes:
        plain = gzip.decompress(packed)
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            names = {name.removeprefix("./"): name for name in archive.getnames()}
            begin = archive.getmember(names[member]).offset_data
        return gzip.compress(flipped(plain, begin + at), 1)

    return change


def test_a_drill_proves_the_backup_also_while_the_primary_is_down(
    drill_settings: Settings, whole_cluster: Cluster
) -> None:
    whole_cluster.layout.erp.stop()
    _run, drill = drill_now()
    assert drill.outcome == Outcome.PASSED, drill.reason
    found = by_name(drill)
    assert found["server.amcheck", "cluster"] == found["erp.stock", "drilled"] == "passed"
    for name in ("canary", "tenants.present"):
        assert found[name, "cluster"].startswith("skipped: The live cluster does not answer")
    assert found["tenant.rows", "drilled"].startswith("skipped: ")
    assert drill.rpo_seconds is None


@pytest.mark.parametrize(
    "change",
    [lambda good: flipped(good, len(good) // 2), ended_before("global/pg_control")],
    ids=["a byte", "a quiet end"],
)
def test_damage_of_the_backup_ends_red_and_names_the_file(
    drill_settings: Settings, backup_id: str, whole_cluster: Cluster, change: Callable[[bytes], bytes]
) -> None:
    archive = archive_of(whole_cluster, backup_id)
    with changed(archive, change):
        run, drill = drill_now()
    assert drill.outcome == Outcome.BACKUP_BROKEN, drill.reason
    assert drill.broken_file == str(archive)
    assert run.status == "failed"
    assert "Backup broken" in run.error
    assert str(archive) in run.error
    verdict = db.session.query(Verification).filter_by(drill_id=drill.id).one()
    assert (verdict.method, verdict.passed, verdict.broken_file) == ("restored", False, str(archive))
    backup = db.session.get(Backup, ("main", backup_id))
    assert backup is not None
    assert backup.verified_at is None
    assert str(archive) in said_of("drills.backup_broken")
    assert list(scratch_root(drill_settings).iterdir()) == []


def test_a_byte_flipped_before_packing_is_found_in_the_restored_server(
    drill_settings: Settings, backup_id: str, whole_cluster: Cluster
) -> None:
    file = whole_cluster.sql("SELECT pg_relation_filepath('ledger')")
    # and the same drill finds what is wrong in the records themselves
    gap = "INSERT INTO tenant_drilled.number_sequence (org_id, type, year, last) VALUES (1, 'PO', 2031, 4)"
    whole_cluster.sql(f"SET session_replication_role TO replica; {gap}")
    with changed(archive_of(whole_cluster, backup_id), inside(file, 5 * 8192 + 6000)):
        run, drill = drill_now()
    assert (drill.outcome, drill.broken_file) == (Outcome.BACKUP_BROKEN, file), drill.reason
    assert run.status == "failed"
    found = by_name(drill)
    assert "ledger" in found["server.amcheck", "cluster"]
    assert f"{file}, block 5" in found["server.pages", "cluster"]
    assert found["erp.numbers", "drilled"].startswith("failed: PO-2031 of organization 1: 0 documents")
    assert found["tenant.rows", "drilled"] == "passed"
    whole_cluster.sql("DELETE FROM tenant_drilled.number_sequence")
    assert {"fetch", "replay", "checks"} <= drill.phases.keys()
    assert drill.rto_seconds is None


def test_trouble_around_a_drill_does_not_blame_the_backup(
    drill_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = drill_settings.model_copy(update={"barman_config": Path("/nowhere/barman.conf")})
    monkeypatch.setattr(drill_jobs, "get_settings", lambda: away)
    run, drill = drill_now()
    assert drill.outcome == Outcome.DRILL_BROKEN
    assert "/nowhere/barman.conf" in drill.reason
    assert run.error.startswith("Drill broken.")
    assert "/nowhere/barman.conf" in said_of("drills.drill_broken")
    assert db.session.query(Verification).filter_by(drill_id=drill.id).count() == 0


def test_a_drill_whose_worker_was_killed_is_closed_and_its_scratch_removed(
    app: Flask, drill_settings: Settings, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = jobs.enqueue(queries.DRILL, actor=SYSTEM_ACTOR)
    addresses = {
        **whole_cluster.layout.erp_urls(),
        "STEWARD_BARMAN_CONFIG": str(whole_cluster.layout.barman_config),
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(asked.id)], env={**os.environ, **addresses})
    root = scratch_root(drill_settings)
    try:
        wait_until(lambda: root.is_dir() and list(root.iterdir()), 60, "the restore has not begun")
    finally:
        worker.kill()
        worker.wait()
    (drill,) = db.session.query(Drill).filter_by(run_id=asked.id)
    assert drill.outcome == Outcome.RUNNING
    monkeypatch.setitem(app.config, "JOBS_PACE", Pace(lost_after=0))
    relay_once()
    swept = jobs.enqueue("backups.keep_drills", actor=SYSTEM_ACTOR)
    perform(str(swept.id))
    db.session.expire_all()
    assert drill.outcome == Outcome.DRILL_BROKEN
    assert "died" in drill.reason
    assert list(root.iterdir()) == []
