"""Drills of real backups by Barman: a good one, broken ones, and a worker that dies in the middle."""

import pytest

from dashboard.backups.drills import queries
from dashboard.backups.drills.models import Drill, Outcome, Verification
from dashboard.backups.models import Backup
from dashboard.backups.restoring.models import Restore
from dashboard.backups.restoring.service import scratch_root
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from tests.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.commits, pytest.mark.xdist_group("cluster")]


def drill_now(**args: str) -> tuple[JobRun, Drill]:
    """Ask for a drill as the schedule does, work on it as the worker does; return its run and evidence."""
    asked = jobs.enqueue(queries.DRILL, args, actor=SYSTEM_ACTOR)
    perform(str(asked.id))
    db.session.expire_all()
    (drill,) = db.session.query(Drill).filter_by(run_id=asked.id)
    return job_queries.get_run(asked.id), drill


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
