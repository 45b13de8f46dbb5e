"""The off-site copy on a real S3 server: copied, broken off, restored from it alone, thinned by retention."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.backups import service as backups
from dashboard.backups.copies import queries as copies
from dashboard.backups.copies import service as rows
from dashboard.backups.copies.models import CopyKind
from dashboard.backups.copies.offsite import copying, proving, repository, service
from dashboard.backups.copies.offsite import jobs as offsite_jobs
from dashboard.backups.copies.offsite.store import Differs, Manifest, OffsiteStore, Stored
from dashboard.backups.retention import Policy
from dashboard.core.config import CHECKOUT, Settings
from dashboard.files.store import StoreError
from dashboard.health.service import store_reading
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.store import control_transaction
from dashboard.servers import scratch_folder
from dashboard.servers.scratch import ScratchServer
from dashboard.stack.layout import ERP_DATABASE
from tests.backups.safe_cluster import done, jobs_see
from tests.cluster import Cluster, wait_until
from tests.files.s3_server import BUCKET, S3Server, running_s3

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with scratch_folder() as folder, running_s3(folder) as server:
        yield server


def nothing() -> None:
    """Nobody cancels."""


@pytest.mark.slow
@pytest.mark.commits
@pytest.mark.xdist_group("cluster")
def test_what_lies_off_site_is_restored_from_that_alone(
    app: Flask,
    whole_cluster: Cluster,
    settings: Settings,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    observed = whole_cluster.settings(settings).model_copy(
        update={"offsite_url": f"s3://{BUCKET}/{uuid4().hex}", "offsite_options": s3_server.options()}
    )
    store = OffsiteStore(observed.offsite_url, observed.offsite_options, "main")
    with jobs_see(app, observed, monkeypatch, offsite_jobs):
        made = done("backups.back_up", mode="full")
        backup_id = str((made.result or {})["backup_id"])
        word = uuid4().hex
        whole_cluster.sql(
            f"CREATE TABLE IF NOT EXISTS offsite (t text); INSERT INTO offsite VALUES ('{word}')"
        )
        written = whole_cluster.sql("SELECT pg_walfile_name(pg_switch_wal())")
        wals = whole_cluster.layout.barman / "main" / "wals"
        barman = backups.barman_of(observed)
        barman.cron()
        wait_until(lambda: list(wals.glob(f"*/{written}")), 30, "the WAL is not filed away")

        with monkeypatch.context() as patched:
            _see_that_an_absent_store_is_said(observed, s3_server, patched)

        first = done("backups.copy_offsite")
        assert (first.status, first.error) == (RunStatus.SUCCEEDED, "")
        state = service.get_state()
        assert state is not None
        assert (state.error, state.data["newest_backup"]) == ("", backup_id)
        row = copies.find_latest(CopyKind.OFFSITE, backup_id)
        assert row is not None
        assert row.details["files"][f"base/{backup_id}/data/base.tar.gz"][0] > 1_000_000
        again = done("backups.copy_offsite")
        assert (again.result or {})["backups"] == 0  # what is there is not sent again

        words: list[str] = []

        def look_for_the_word(server: ScratchServer) -> dict[str, object]:
            with closing(psycopg2.connect(server.url(ERP_DATABASE))) as link, link.cursor() as at:
                at.execute("SELECT t FROM offsite")
                words.extend(row[0] for row in at.fetchall())
            return look(server)

        look = proving.look
        monkeypatch.setattr(proving, "look", look_for_the_word)
        proof = done("backups.prove_offsite")
        assert (proof.status, proof.error) == (RunStatus.SUCCEEDED, ""), proof.traceback
        assert (proof.result or {})["newest_wal"] >= written
        assert word in words
        row = copies.find_latest(CopyKind.OFFSITE, backup_id)
        assert row is not None
        assert row.proven_at is not None
        assert not list((observed.home / "servers" / "offsite-proof").iterdir())

        # One object that is not what was sent: found, counts no more, sent again.
        store._fs.pipe_file(store._path(f"main/base/{backup_id}/data/base.tar.gz"), b"something else")
        broken = done("backups.prove_offsite")
        assert broken.status == RunStatus.FAILED
        assert f"main/base/{backup_id}/data/base.tar.gz".removeprefix("main/") in broken.error
        assert backup_id not in store.list_whole()
        assert copies.find_failure(CopyKind.OFFSITE) is not None
        assert (done("backups.copy_offsite").result or {})["backups"] == 1
        assert backup_id in store.list_whole()


def _see_that_an_absent_store_is_said(
    observed: Settings, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = s3_server.options(endpoint_url="http://127.0.0.1:9")
    away = observed.model_copy(update={"offsite_options": options})
    monkeypatch.setattr(offsite_jobs, "get_settings", lambda: away)
    refused = done("backups.copy_offsite")
    assert refused.status == RunStatus.FAILED
    assert "off-site store does not answer" in refused.error
    state = service.get_state()
    assert state is not None
    assert "does not answer" in state.error


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository as Barman lays it out: two whole backups, one that failed, and WAL."""
    root = tmp_path / "barman" / "main"
    for number, status in ((1, "DONE"), (2, "DONE"), (3, "FAILED")):
        add_backup(root, f"2026010{number}T000000", status, begin_wal=f"00000001000000000000000{number}")
    for number in range(1, 6):
        add_wal(root, f"00000001000000000000000{number}")
    (root / "wals" / "main-xlog.db").write_text("list\n")
    (root / "identity.json").write_text("{}")
    return root


def add_backup(root: Path, backup_id: str, status: str, *, begin_wal: str, days: int = 0) -> None:
    data = root / "base" / backup_id / "data"
    data.mkdir(parents=True)
    (data / "base.tar.gz").write_bytes(backup_id.encode() * 1000)
    (data / "backup_manifest").write_text("{}")
    (root / "meta").mkdir(exist_ok=True)
    end = (NOW - timedelta(days=days)).isoformat()
    lines = (
        f"status={status}\nbegin_wal={begin_wal}\nend_time={end}\nparent_backup_id=None\nencryption=None\n"
    )
    (root / "meta" / f"{backup_id}-backup.info").write_text(lines)


def add_wal(root: Path, name: str) -> None:
    folder = root / "wals" / name[:16]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(name.encode() * 50)


@pytest.fixture
def store(tmp_path: Path) -> OffsiteStore:
    return OffsiteStore((tmp_path / "elsewhere").as_uri(), {}, "main")


def copy_all(store: OffsiteStore, root: Path) -> copying.WalCopied:
    wal = copying.copy_wal(store, root, nothing)
    for held in copying.missing(store, root):
        copying.copy_backup(store, root, held, nothing)
    return wal


def test_only_what_is_whole_and_new_is_copied(store: OffsiteStore, root: Path, tmp_path: Path) -> None:
    assert copy_all(store, root).files == 5
    assert store.list_whole() == ["20260101T000000", "20260102T000000"]
    mirror = tmp_path / "elsewhere" / "main"
    assert (mirror / "wals/0000000100000000/000000010000000000000005").read_bytes()
    assert not (mirror / "base/20260103T000000").exists()
    assert copy_all(store, root).files == 0
    add_wal(root, "000000010000000000000006")
    wal = copy_all(store, root)
    assert (wal.files, wal.newest) == (1, "000000010000000000000006")


def test_what_was_copied_comes_back_as_it_was_and_a_changed_byte_is_found(
    store: OffsiteStore, root: Path, tmp_path: Path
) -> None:
    copy_all(store, root)
    fetched = proving.fetch(store, "20260102T000000", tmp_path / "home", nothing)
    assert fetched.newest_wal == "000000010000000000000005"
    name = "base/20260102T000000/data/base.tar.gz"
    assert (tmp_path / "home/main" / name).read_bytes() == (root / name).read_bytes()
    assert not (tmp_path / "home/main/wals/0000000100000000/000000010000000000000001").exists()
    wal = "wals/0000000100000000/000000010000000000000004"
    (tmp_path / "elsewhere/main" / wal).write_bytes(b"other")
    with pytest.raises(Differs, match="000000010000000000000004") as broken:
        proving.fetch(store, "20260102T000000", tmp_path / "home", nothing)
    assert (broken.value.folder, broken.value.name) == ("0000000100000000", "000000010000000000000004")
    (tmp_path / "elsewhere/main" / name).unlink()
    with pytest.raises(Differs, match="missing") as broken:
        proving.fetch(store, "20260102T000000", tmp_path / "home", nothing)
    assert broken.value.backup_id == "20260102T000000"


def test_a_copy_broken_off_between_files_counts_for_nothing_and_goes_on(
    store: OffsiteStore, root: Path
) -> None:
    class StopError(BaseException):
        pass

    sent: list[str] = []

    def stop_at_the_second_file() -> None:
        sent.append("chunk")
        if len(sent) == 3:  # the first file is read in two pieces: its bytes, and its end
            raise StopError

    held = copying.missing(store, root)[0]
    with pytest.raises(StopError):
        copying.copy_backup(store, root, held, stop_at_the_second_file)
    assert store.list_whole() == []
    begun = store.read_manifest(held.backup_id, whole=False)
    assert begun is not None
    assert list(begun.files) == [f"base/{held.backup_id}/data/backup_manifest"]
    sent.clear()
    copying.copy_backup(store, root, held, lambda: sent.append("chunk"))
    assert store.list_whole() == [held.backup_id]
    assert store.read_manifest(held.backup_id, whole=False) is None


KILLED = """
import sys, time
from pathlib import Path
from dashboard.backups.copies.offsite import copying
from dashboard.backups.copies.offsite.store import OffsiteStore
root, url, options = Path(sys.argv[1]), sys.argv[2], __import__("json").loads(sys.argv[3])
store = OffsiteStore(url, options, "main")
def slowly():
    print("sending", flush=True)
    time.sleep(0.2)
for held in copying.missing(store, root):
    copying.copy_backup(store, root, held, slowly)
"""


def test_a_copy_that_is_killed_leaves_no_half_object_that_counts(
    s3_server: S3Server, root: Path, tmp_path: Path
) -> None:
    url = f"s3://{BUCKET}/{uuid4().hex}"
    big = root / "base/20260101T000000/data/base.tar.gz"
    big.write_bytes(b"x" * 2_000_000)
    arguments = [str(root), url, json.dumps(s3_server.options())]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(5):  # the small file is through, the big one has begun
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    store = OffsiteStore(url, s3_server.options(), "main")
    assert store.list_whole() == []
    assert not store.exists("main/base/20260101T000000/data/base.tar.gz")
    copy_all(store, root)
    proving.fetch(store, "20260101T000000", tmp_path / "home", nothing)
    assert (tmp_path / "home/main/base/20260101T000000/data/base.tar.gz").read_bytes() == big.read_bytes()


POLICY = Policy(30, 1)


def going(store: OffsiteStore, here: list[str], *, days: int, kept: tuple[str, ...] = ()) -> list[str]:
    later = NOW + timedelta(days=days)
    return [manifest.backup_id for manifest in copying.outdated(store, here, POLICY, kept, later)]


def test_retention_applies_off_site_but_a_lost_repository_takes_nothing_with_it(
    store: OffsiteStore, root: Path, tmp_path: Path
) -> None:
    copy_all(store, root)
    first, second = store.list_whole()
    assert going(store, [], days=20) == []  # the repository is empty, the window is not over
    assert going(store, [first, second], days=40) == []  # Barman still has both
    assert going(store, [second], days=40, kept=(first,)) == []
    assert going(store, [second], days=40) == [first]
    assert going(store, [], days=4000) == [first]  # never the last one
    for manifest in copying.outdated(store, [second], POLICY, (), NOW + timedelta(days=40)):
        copying.remove_backup(store, manifest)
    assert store.list_whole() == [second]
    mirror = tmp_path / "elsewhere/main"
    assert not (mirror / "base" / first / "data/base.tar.gz").exists()
    kept_here = {"000000010000000000000002"}
    assert copying.remove_wal(store, kept_here) == 1  # only the first segment lies before the second backup
    assert not (mirror / "wals/0000000100000000/000000010000000000000001").exists()
    assert (mirror / "wals/0000000100000000/000000010000000000000002").exists()
    proving.fetch(store, second, tmp_path / "home", nothing)


def test_without_any_backup_no_wal_is_removed(store: OffsiteStore, root: Path) -> None:
    copying.copy_wal(store, root, nothing)
    assert copying.remove_wal(store, set()) == 0


def test_incremental_ones_go_with_the_full_one_they_stand_on(store: OffsiteStore) -> None:
    end = (NOW - timedelta(days=1)).isoformat()
    for backup_id, parent in (("20260101T000000", ""), ("20260101T010000", "20260101T000000")):
        kind = "incremental" if parent else "full"
        one = Manifest(backup_id, kind, parent, end, "000000010000000000000001", files={"a": Stored(1, "x")})
        store.write_manifest(one, whole=True)
    store.write_manifest(Manifest("20260102T000000", end_at=end), whole=True)
    assert going(store, ["20260102T000000"], days=60) == ["20260101T000000", "20260101T010000"]
    assert [one.backup_id for one in proving.chain_of(store, "20260101T010000")] == [
        "20260101T000000",
        "20260101T010000",
    ]
    with pytest.raises(Differs, match="not off-site"):
        proving.chain_of(store, "20250101T000000")


def test_a_store_that_is_away_is_said_and_our_own_disk_is_not_blamed_on_it(
    s3_server: S3Server, store: OffsiteStore, tmp_path: Path
) -> None:
    away = OffsiteStore(f"s3://{BUCKET}/x", s3_server.options(endpoint_url="http://127.0.0.1:9"), "main")
    with pytest.raises(StoreError, match="off-site store does not answer") as refusal:
        away.list_whole()
    assert "STEWARD_OFFSITE_URL" in refusal.value.fix
    with pytest.raises(FileNotFoundError):
        store.send(tmp_path / "nothing", "base/x", nothing)


def test_a_history_file_and_half_made_wal(store: OffsiteStore, root: Path) -> None:
    (root / "wals" / "00000002.history").write_text("1\t0/5000000\tno recovery target specified\n")
    (root / "wals/0000000100000000/000000010000000000000007.tmp").write_bytes(b"half")
    copying.copy_wal(store, root, nothing)
    assert store.read_wal("").keys() == {"00000002.history"}
    assert "000000010000000000000007.tmp" not in store.read_wal("0000000100000000")
    assert [held.backup_id for held in repository.list_backups(root)] == [
        "20260101T000000",
        "20260102T000000",
    ]


def test_the_page_answers_while_the_store_is_away_and_says_so(
    control: Session, login: Callable[..., FlaskClient]
) -> None:
    store_reading(service.READING, {}, "The off-site store does not answer. Check STEWARD_OFFSITE_URL.")
    control.commit()
    html = login("dba").get("/database/backups/copies/").text
    assert "The last off-site copy failed." in html
    assert "The off-site store does not answer." in html
    assert "tried again every five minutes" in html


def test_without_a_store_the_page_says_what_that_means(
    control: Session, login: Callable[..., FlaskClient]
) -> None:
    assert "STEWARD_OFFSITE_URL" in login("dba").get("/database/backups/copies/").text


def test_the_page_lists_what_is_off_site_and_when_it_was_proven(
    control: Session, login: Callable[..., FlaskClient]
) -> None:
    begun = rows.begin(
        CopyKind.OFFSITE, "20260101T000000", location="s3://elsewhere/main", actor="schedule", run_id=None
    )
    again = rows.begin(
        CopyKind.OFFSITE, "20260101T000000", location="s3://elsewhere/main", actor="schedule", run_id=None
    )
    control.refresh(begun)
    assert (begun.status, "broken off" in begun.reason) == ("failed", True)
    rows.finish(again, size_bytes=5_000_000, files={})
    rows.mark_proven(again, service.PROVEN_BY)
    control.commit()
    assert copies.find_failure(CopyKind.OFFSITE) is None
    html = login("dba").get("/database/backups/copies/").text
    assert "s3://elsewhere/main" in html
    assert service.PROVEN_BY in html


@pytest.mark.parametrize("what", ["copy", "prove"])
def test_the_buttons_ask_for_jobs(control: Session, login: Callable[..., FlaskClient], what: str) -> None:
    try:
        assert login("dba").post(f"/database/backups/copies/offsite/{what}").status_code == 302
        assert copies.find_run(f"backups.{what}_offsite") is not None
        assert login("staff", "acme").post(f"/database/backups/copies/offsite/{what}").status_code == 403
    finally:
        with control_transaction() as session:
            session.execute(delete(JobRun).where(JobRun.job == f"backups.{what}_offsite"))
