"""Verifying real backups: each is verified when it was made, a flipped byte is found and named."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.backups import keeping_barman, safekeeping, service, verifying
from dashboard.backups.barman import Barman, BarmanError
from dashboard.backups.drills.models import Verification
from dashboard.backups.models import Backup
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError, UnavailableError
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.store import control_transaction
from tests.backups.safe_cluster import done, flip, jobs_see
from tests.cluster import Cluster

NOW = datetime.now(UTC)
IN_CODES = 24
"""A byte of a gzip file's first table of codes: all that follows reads otherwise. About one bit in a hundred
elsewhere stands for nothing (padding, codes nobody uses): flipped, the same content comes out."""


@pytest.fixture
def on_cluster(
    app: Flask, whole_cluster: Cluster, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Barman]:
    observed = whole_cluster.settings(settings)
    with jobs_see(app, observed, monkeypatch):
        yield service.barman_of(observed)


@pytest.mark.slow
@pytest.mark.commits
@pytest.mark.xdist_group("cluster")
def test_each_backup_is_verified_and_one_flipped_byte_is_named_and_kept(
    on_cluster: Barman, whole_cluster: Cluster
) -> None:
    made = [done("backups.back_up", mode="full") for _ in range(2)]
    assert [run.error for run in made] == ["", ""]
    good, broken = (str((run.result or {})["backup_id"]) for run in made)
    asked = db.session.scalars(select(JobRun).where(JobRun.job == "backups.verify")).all()
    assert {run.args["backup_id"] for run in asked} == {good, broken}

    passed = done("backups.verify", backup_id=broken)
    assert (passed.status, passed.error) == (RunStatus.SUCCEEDED, "")
    assert db.session.get_one(Backup, ("main", broken)).verified_at is not None

    archive = whole_cluster.layout.barman / "main" / "base" / broken / "data" / "base.tar.gz"
    flip(archive, IN_CODES)
    try:
        failed = done("backups.verify", backup_id=broken)
        assert failed.status == RunStatus.FAILED
        assert f"The backup {broken} is broken:" in failed.error
        assert "base.tar.gz" in failed.error
        assert db.session.get_one(Backup, ("main", broken)).verified_at is None
        passes = [(one.backup_id, one.passed) for one in verifying.list_verdicts("main")]
        assert passes == [(broken, False), (broken, True)]
        assert "base.tar.gz" in verifying.list_verdicts("main")[0].broken_file
        # Nothing is built on it, and retention cannot take the one that works.
        assert service.parent_for("main", "auto", datetime.now(UTC)) == ""
        assert keeping_barman.list_kept(on_cluster) == [good]
    finally:
        flip(archive, IN_CODES)
        released = done("backups.keep", backup_id=good, released=True)
    assert (released.status, released.error) == (RunStatus.SUCCEEDED, "")
    assert keeping_barman.list_kept(on_cluster) == []
    assert safekeeping.facts_of(safekeeping.get_policy())["kept"] == []
    assert keeping_barman.verify(on_cluster, broken).passed


@pytest.mark.slow
@pytest.mark.commits
@pytest.mark.xdist_group("cluster")
def test_what_barman_cannot_compare_is_no_verdict(on_cluster: Barman) -> None:
    with pytest.raises(BarmanError, match="Unknown backup"):
        keeping_barman.verify(on_cluster, "20000101T000000")
    lost = Barman(on_cluster.config, "main", program="barman-that-is-not-there")
    db.session.add(Backup(server="main", backup_id="20260101T000000", status="DONE"))
    db.session.commit()
    with pytest.raises(UnavailableError, match="could not be verified"):
        verifying.verify(lost, "20260101T000000")
    assert verifying.list_verdicts("main") == []


@pytest.mark.parametrize("said", [[], [""], ["Calling pg_verifybackup"]])
def test_silence_is_no_verdict(said: list[str]) -> None:
    with pytest.raises(BarmanError, match="no verdict"):
        keeping_barman.read_verdict({"_INFO": said})
    assert keeping_barman.read_verdict({"_INFO": [*said, "backup successfully verified"]}).passed


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (
            'pg_verifybackup: error: checksum mismatch for file "base/5/1249" in archive "base.tar.gz"',
            "base/5/1249 in base.tar.gz",
        ),
        ('pg_verifybackup: error: "base/5/1" is present in the manifest but not on disk', "base/5/1"),
        ('pg_verifybackup: error: could not parse backup manifest: Token "l" is invalid.', "backup_manifest"),
        ("pg_verifybackup: error: could not decompress data: incorrect data check", "/nowhere"),
    ],
)
def test_the_first_file_that_differs_is_named(line: str, named: str) -> None:
    assert keeping_barman.broken_file([line], "/nowhere") == named


def add(control: Session, backup_id: str, **changes: object) -> Backup:
    values = {"status": "DONE", "begin_at": NOW - timedelta(hours=1), "end_at": NOW - timedelta(minutes=50)}
    backup = Backup(server="main", backup_id=backup_id, **(values | changes))
    control.add(backup)
    control.flush()
    return backup


def judged(control: Session, backup_id: str, *, passed: bool, method: str = "checksum") -> None:
    control.add(
        Verification(
            server="main",
            backup_id=backup_id,
            method=method,
            passed=passed,
            broken_file="" if passed else "base/1/2 in base.tar.gz",
            reason="" if passed else "checksum mismatch",
            seconds=1.5,
            at=NOW - timedelta(minutes=1),
        )
    )
    control.flush()


def test_an_encrypted_backup_is_only_proven_by_a_drill(control: Session) -> None:
    add(control, "20260101T000000", encryption="gpg")
    with pytest.raises(ConflictError, match="when a drill has restored it"):
        verifying.verify(Barman(None, "main"), "20260101T000000")
    assert verifying.choose_next("main") == ""


def test_a_backup_that_is_gone_or_not_complete_is_not_verified(control: Session) -> None:
    add(control, "20260101T000000", gone_at=NOW)
    add(control, "20260102T000000", status="FAILED")
    with pytest.raises(NotFoundError):
        verifying.verify(Barman(None, "main"), "20260101T000000")
    with pytest.raises(ConflictError, match="complete"):
        verifying.verify(Barman(None, "main"), "20260102T000000")


def test_the_backup_verified_the_longest_ago_is_next(control: Session) -> None:
    add(control, "20260101T000000", verified_at=NOW - timedelta(days=2))
    add(control, "20260102T000000", verified_at=NOW - timedelta(days=1))
    assert verifying.choose_next("main") == "20260101T000000"
    add(control, "20260103T000000")
    assert verifying.choose_next("main") == "20260103T000000"


def test_what_stands_on_a_broken_backup_is_broken_too(control: Session) -> None:
    add(control, "20260101T000000")
    add(control, "20260101T010000", kind="incremental", parent_id="20260101T000000")
    judged(control, "20260101T010000", passed=True)
    assert not verifying.is_broken("main", "20260101T010000")
    judged(control, "20260101T000000", passed=False)
    assert verifying.is_broken("main", "20260101T010000")
    assert [one.backup_id for one in verifying.find_broken("main")] == ["20260101T000000"]


def test_pages_show_the_verdict_with_the_broken_file(
    control: Session, login: Callable[..., FlaskClient]
) -> None:
    add(control, "20260101T000000")
    add(control, "20260102T000000", encryption="gpg")
    add(control, "20260103T000000", verified_at=NOW)
    judged(control, "20260101T000000", passed=False)
    judged(control, "20260103T000000", passed=True, method="restored")
    control.commit()
    browser = login("dba")
    overview = browser.get("/database/backups/").text
    assert "base/1/2 in base.tar.gz" in overview
    assert "encrypted: only a drill proves it" in overview
    assert "restored by a drill" in overview
    assert 'aria-label="Verify 20260101T000000"' in overview
    assert 'aria-label="Verify 20260102T000000"' not in overview
    keeping = browser.get("/database/backups/keeping/").text
    assert "base/1/2 in base.tar.gz" in keeping
    assert "checksum mismatch" in keeping


def test_the_button_asks_for_a_verification(control: Session, login: Callable[..., FlaskClient]) -> None:
    browser = login("dba")
    try:
        assert browser.post("/database/backups/20260101T000000/verify").status_code == 302
        asked = control.scalars(select(JobRun).where(JobRun.job == "backups.verify")).one()
        assert asked.args == {"backup_id": "20260101T000000"}
    finally:
        with control_transaction() as session:  # it is committed on its own connection
            session.execute(delete(JobRun).where(JobRun.job == "backups.verify"))
