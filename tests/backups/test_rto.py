"""The restore time: only from drills that passed, scaled to today's size."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.backups import overview, rpo, rto
from dashboard.backups.copies.models import BackupCopy
from dashboard.backups.drills.models import Drill, Verification
from dashboard.backups.rpo import Measurement, Path, Seen
from dashboard.health.service import plain, store_reading
from dashboard.settings import service as settings
from dashboard.settings.service import Change
from tests.backups.test_pages import add_backup

Login = Callable[..., FlaskClient]
NOW = datetime.now(UTC)
GIB, MIB = 2**30, 2**20
PHASES = {"promote": 1.0, "fetch": 60.0, "wal": 5.0, "replay": 30.0, "plan": 1.0, "checks": 20.0}


def add_drill(control: Session, **changes: Any) -> Drill:
    values: dict[str, Any] = {
        "server": "main",
        "outcome": "passed",
        "actor": "schedule",
        "started_at": NOW - timedelta(days=1),
        "finished_at": NOW - timedelta(days=1) + timedelta(minutes=2),
        "phases": PHASES,
        "cluster_bytes": GIB,
        "wal_bytes": 100 * MIB,
        "rto_seconds": 117.0,
        "rpo_seconds": 0.4,
    }
    drill = Drill(**(values | changes))
    control.add(drill)
    control.commit()
    return drill


def today(control: Session, *, size: int, wal: int) -> None:
    add_backup(control, "20260101T000000", cluster_bytes=size, begin_lsn="1/2F000060")
    position = 2**32 + 0x2F000060 + wal
    found = Measurement(NOW, Seen(position, NOW), [Path("archive", "Archive", end=position)])
    store_reading(rpo.READING, plain(found), every=10)
    control.commit()


def test_without_a_passed_drill_nothing_is_claimed(control: Session, login: Login) -> None:
    add_drill(control, outcome="drill_broken", reason="no room")
    add_drill(control, outcome="backup_broken")
    assert rto.forecast("main") is None
    assert "none has passed yet" in login("dba").get("/database/backups/").text


def test_forecast_scales_each_phase_by_what_it_depends_on(control: Session, app: Flask) -> None:
    add_drill(control)
    today(control, size=3 * GIB, wal=200 * MIB)
    found = rto.forecast("main")
    assert found is not None
    expected = {phase.key: round(phase.expected, 1) for phase in found.phases}
    assert expected == {"plan": 1, "fetch": 180, "wal": 10, "replay": 60, "promote": 1, "checks": 60}
    assert [phase.key for phase in found.phases] == ["plan", "fetch", "wal", "replay", "promote", "checks"]
    assert (round(found.seconds), found.status) == (312, "ok")
    assert sum(phase.share for phase in found.phases) == pytest.approx(100, abs=0.1)


def test_smaller_cluster_is_not_promised_faster_than_was_proven(control: Session, app: Flask) -> None:
    add_drill(control)
    today(control, size=GIB // 2, wal=1 * MIB)
    found = rto.forecast("main")
    assert found is not None
    assert found.seconds == pytest.approx(sum(PHASES.values()))


@pytest.mark.parametrize(
    ("promise", "status"), [("1 min", "critical"), ("2 min 10 s", "warning"), ("4 h", "ok")]
)
def test_forecast_warns_before_the_promise_is_broken(
    control: Session, app: Flask, promise: str, status: str
) -> None:
    add_drill(control)
    settings.save("backups.rto_seconds", Change(promise), actor="a@example.com")
    found = rto.forecast("main")
    assert found is not None
    assert found.status == status


def test_old_drill_is_called_old(control: Session, login: Login) -> None:
    add_drill(control, started_at=NOW - timedelta(days=20), finished_at=NOW - timedelta(days=20))
    found = rto.forecast("main")
    assert found is not None
    assert found.status == "warning"
    assert "20" in found.text
    assert overview.proofs("main")[0].status == "warning"


def test_proofs_say_what_is_missing_and_what_failed(control: Session, app: Flask) -> None:
    assert [proof.headline for proof in overview.proofs("main")] == [None, None, None]
    add_drill(control, outcome="backup_broken", broken_file="base/5/1259", reason="checksum")
    add_backup(control, "20260101T000000")
    control.add(
        Verification(
            server="main",
            backup_id="20260101T000000",
            method="checksum",
            passed=False,
            broken_file="base.tar.gz",
        )
    )
    control.add(BackupCopy(kind="offsite", subject="x", status="done", actor="schedule"))
    control.commit()
    drill, verification, offsite = overview.proofs("main")
    assert (drill.status, verification.status, offsite.status) == ("critical", "critical", "warning")
    assert "base/5/1259" in drill.text
    assert "base.tar.gz" in verification.text
    assert "never proven" in offsite.text


def test_page_shows_phases_proofs_and_copies(control: Session, login: Login) -> None:
    add_drill(control)
    today(control, size=3 * GIB, wal=200 * MIB)
    control.add(Verification(server="main", backup_id="20260101T000000", method="checksum", passed=True))
    control.add(
        BackupCopy(
            kind="offsite",
            subject="20260101T000000",
            status="done",
            actor="schedule",
            finished_at=NOW - timedelta(hours=2),
            proven_at=NOW - timedelta(hours=1),
            proven_by="restore",
        )
    )
    store_reading("backups.policy", {"kept": ["20260101T000000"]}, every=60)
    control.commit()
    html = login("dba").get("/database/backups/").text
    for words in ("Fetch the backup", "Replay WAL", "Passed:", "by checksums", "proven", "kept"):
        assert words in html
