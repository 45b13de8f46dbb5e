"""Copies of uploaded files: only what is new is copied, damage is found and mended, everything comes back."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from dashboard.backups.copies import keeping, manifest, queries, uploads
from dashboard.backups.copies.daily import jobs as daily
from dashboard.backups.copies.models import CopyKind
from dashboard.backups.copies.place import CopyPlace
from dashboard.core.config import Settings
from dashboard.core.errors import UnavailableError
from dashboard.files.setup import EXTENSION
from dashboard.files.store import FileStore, StoreError
from tests.backups.copies.places import Site, run_job, site
from tests.files.s3_server import BUCKET, S3Server, running_s3

__all__ = ["site"]
pytestmark = [pytest.mark.commits]
KEYS = ("tenant_acme/aa/one", "tenant_acme/bb/two", "tenant_globex/cc/three")
RESTORE = ["backups", "restore-files"]
PREFIXES = ("tenant_acme", "tenant_globex")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store with three files of two tenants."""
    made = FileStore((tmp_path / "files").as_uri())
    for key in KEYS:
        made.put(key, io.BytesIO(key.encode() * 1000))
    return made


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server in a process of its own."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> CopyPlace:
    """Each kind of place in turn."""
    if request.param == "disk":
        return CopyPlace((tmp_path / "copies").as_uri())
    server: S3Server = request.getfixturevalue("s3")
    return CopyPlace(f"s3://{BUCKET}/{tmp_path.name}", server.options())


def copy(store: FileStore, place: CopyPlace, **changes: object) -> uploads.Report:
    """Copy both tenants' files."""
    return uploads.copy_all(store, place, PREFIXES, **({"expected": {}} | changes))  # type: ignore[arg-type]


def test_second_copy_takes_only_what_is_new(store: FileStore, place: CopyPlace) -> None:
    first = copy(store, place)
    assert (first.objects, first.copied, first.read_back) == (3, 3, 0)
    store.put("tenant_acme/dd/four", io.BytesIO(b"new"))
    second = copy(store, place)
    assert (second.objects, second.copied, second.copied_bytes, second.read_back) == (4, 1, 3, 0)
    assert list(manifest.latest(place)) == sorted([*KEYS, "tenant_acme/dd/four"])
    assert not [found for found in place.objects("files/manifests") if found.key.endswith(".part")]


def test_lost_store_comes_back_byte_by_byte(store: FileStore, place: CopyPlace, tmp_path: Path) -> None:
    copy(store, place)
    shutil.rmtree(tmp_path / "files")
    store = FileStore((tmp_path / "files").as_uri())
    trial = uploads.bring_back(place, store, prefix="tenant_acme", dry_run=True)
    assert (trial.restored, store.exists(KEYS[0])) == (2, False)
    done = uploads.bring_back(place, store, prefix="tenant_acme")
    assert (done.restored, done.present, done.broken) == (2, 0, [])
    assert not store.exists(KEYS[2])  # the other tenant's
    assert uploads.bring_back(place, store).restored == 1
    for key in KEYS:
        with store.open(key) as stream:
            assert stream.read() == key.encode() * 1000
    store.put(KEYS[0], io.BytesIO(b"overwritten"))
    assert uploads.bring_back(place, store).restored == 0
    assert uploads.bring_back(place, store, compare=True).restored == 1


def test_flipped_byte_in_a_copy_is_found_mended_or_said_to_be_lost(
    store: FileStore, place: CopyPlace, tmp_path: Path
) -> None:
    copy(store, place)
    place.put(f"files/objects/{KEYS[0]}", io.BytesIO(b"x" + KEYS[0].encode() * 1000))
    assert uploads.bring_back(place, FileStore((tmp_path / "new").as_uri())).broken == [KEYS[0]]
    later = datetime.now(UTC) + timedelta(days=8)
    report = copy(store, place, now=later)
    assert (report.read_back, report.damaged, report.lost) == (3, [KEYS[0]], [])
    assert copy(store, place, read_all=True, now=later + timedelta(seconds=1)).damaged == []


def test_original_that_is_not_what_its_record_says_is_named(store: FileStore, tmp_path: Path) -> None:
    place = CopyPlace((tmp_path / "copies").as_uri())
    assert copy(store, place, expected={KEYS[1]: "0" * 64}).altered == [KEYS[1]]


def test_deleted_files_stay_as_long_as_a_kept_manifest_names_them(store: FileStore, tmp_path: Path) -> None:
    place = CopyPlace((tmp_path / "copies").as_uri())
    now = datetime.now(UTC)
    copy(store, place, now=now)
    store.delete(KEYS[0])
    copy(store, place, now=now + timedelta(days=1))
    assert uploads.forget_old(place, now - timedelta(hours=1)) == (0, 0)
    old = manifest.list_keys(place)[0]
    assert uploads.bring_back(place, store, key=old, dry_run=True).restored == 1
    assert uploads.forget_old(place, now + timedelta(days=30)) == (1, 1)  # the newest one stays
    assert not place.exists(f"files/objects/{KEYS[0]}")
    assert place.exists(f"files/objects/{KEYS[1]}")


def test_job_copies_and_the_command_brings_back(
    site: Site, app: Flask, store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, EXTENSION, replace(app.extensions[EXTENSION], store=store))
    done = run_job("backups.copy_files")
    assert (done.status, done.error) == ("succeeded", ""), done.traceback
    row = queries.list_copies(CopyKind.FILES)[0]
    assert (row.status, row.proven_at is not None, row.details["objects"]) == ("done", True, 3)
    shutil.rmtree(tmp_path / "files")
    command = app.test_cli_runner()
    assert "3 files would be restored" in command.invoke(args=[*RESTORE, "--dry-run"]).output
    assert "2 files restored" in command.invoke(args=[*RESTORE, "--prefix", "tenant_acme"]).output
    (tmp_path / "copies" / "files" / "objects" / KEYS[2]).write_bytes(b"rotten")
    broken = command.invoke(args=RESTORE)
    assert broken.exit_code == 1
    assert f"broken copy, left out: {KEYS[2]}" in broken.output
    assert row.details["manifest"] in command.invoke(args=["backups", "list-files"]).output
    elsewhere = command.invoke(
        args=[*RESTORE, "--to", (tmp_path / "new").as_uri(), "--prefix", "tenant_acme"]
    )
    assert "2 files restored" in elsewhere.output
    assert (tmp_path / "new" / KEYS[0]).read_bytes() == KEYS[0].encode() * 1000


def test_job_says_when_originals_are_lost_or_are_not_what_records_say(
    site: Site, app: Flask, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, EXTENSION, replace(app.extensions[EXTENSION], store=store))
    with pytest.raises(UnavailableError, match="1 copies are damaged"):
        keeping.refuse_damage(uploads.Report(lost=["x"]))
    with pytest.raises(UnavailableError, match="other bytes than their records say"):
        keeping.refuse_damage(uploads.Report(altered=["x"]))
    monkeypatch.setattr(daily, "get_settings", lambda: away(site))
    done = run_job("backups.copy_files")
    assert done.status == "failed"
    assert "STEWARD_COPIES_URL" in done.error
    assert "STEWARD_COPIES_URL" in queries.list_copies(CopyKind.FILES)[0].reason


def away(site: Site) -> Settings:
    """Settings whose place of copies cannot be made."""
    blocked = Path(site.settings.copies_url.removeprefix("file://")) / "file"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    return site.settings.model_copy(update={"copies_url": (blocked / "copies").as_uri()})


def test_place_that_is_away_is_named_by_its_own_setting(store: FileStore, s3: S3Server) -> None:
    place = CopyPlace(f"s3://{BUCKET}/x", s3.options(endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(StoreError, match="store of copies does not answer") as refusal:
        copy(store, place)
    assert "STEWARD_COPIES_URL" in refusal.value.fix
