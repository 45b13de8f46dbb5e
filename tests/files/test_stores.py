"""The same store on disk and on a real S3 server: bytes in, bytes out, and errors people can act on."""

import io
from pathlib import Path

import pytest

from dashboard.files.store import FileStore, MissingObjectError, StoreError
from tests.files.s3_server import BUCKET, S3Server


def test_bytes_come_back_as_they_went_in(store: FileStore) -> None:
    data = bytes(range(256)) * 30_000  # more than one chunk
    store.put("tenant_x/ab/abcd", io.BytesIO(data))
    with store.open("tenant_x/ab/abcd") as stream:
        assert stream.read() == data
    assert store.exists("tenant_x/ab/abcd")


def test_a_folder_tells_what_lies_in_it(store: FileStore) -> None:
    store.put("tenant_x/ab/one", io.BytesIO(b"1"))
    store.put("tenant_x/cd/two", io.BytesIO(b"22"))
    assert store.folders("tenant_x") == ["tenant_x/ab", "tenant_x/cd"]
    assert [(found.key, found.size) for found in store.objects("tenant_x/cd")] == [("tenant_x/cd/two", 2)]
    assert store.folders("tenant_nobody") == []


def test_deleting_twice_is_fine(store: FileStore) -> None:
    store.put("tenant_x/ab/abcd", io.BytesIO(b"1"))
    store.delete("tenant_x/ab/abcd")
    store.delete("tenant_x/ab/abcd")
    assert not store.exists("tenant_x/ab/abcd")
    assert list(store.objects("tenant_x/ab")) == []


def test_what_is_not_there_is_said_to_be_missing(store: FileStore) -> None:
    with pytest.raises(MissingObjectError, match="not in the store") as refusal:
        store.open("tenant_x/ab/nothing")
    assert "backup" in refusal.value.fix


@pytest.mark.parametrize("key", ["", "/etc/passwd", "tenant_x/../tenant_y/ab/x", ".."])
def test_a_key_never_leads_out_of_the_store(store: FileStore, key: str) -> None:
    for attempt in (store.open, store.exists, store.delete):
        with pytest.raises(MissingObjectError):
            attempt(key)
    with pytest.raises(MissingObjectError):
        store.put(key, io.BytesIO(b"x"))


def test_a_store_that_works_is_ready(store: FileStore) -> None:
    store.check()
    assert list(store.objects(".steward-check")) == []


def test_wrong_credentials_are_called_that(s3_server: S3Server) -> None:
    for wrong in (s3_server.options(secret="not the secret"), s3_server.options(key="AKIAUNKNOWN")):
        store = FileStore(f"s3://{BUCKET}/x", wrong)
        for attempt in (store.check, lambda s=store: s.put("t/ab/x", io.BytesIO(b"x"))):
            with pytest.raises(StoreError, match="refuses Steward's credentials") as refusal:
                attempt()
            assert "STEWARD_FILES_OPTIONS" in refusal.value.fix
            assert "not the secret" not in f"{refusal.value} {refusal.value.fix}"


def test_a_server_that_is_away_is_called_that(s3_server: S3Server) -> None:
    store = FileStore(f"s3://{BUCKET}/x", s3_server.options(endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(StoreError, match="does not answer") as refusal:
        store.check()
    assert "STEWARD_FILES_URL" in refusal.value.fix


def test_a_bucket_that_does_not_exist_is_called_that(s3_server: S3Server) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        FileStore("s3://no-such-bucket/x", s3_server.options()).check()


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(StoreError, match="not installed") as refusal:
        FileStore("gcs://bucket/x").check()
    assert "gcsfs" in refusal.value.fix


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(StoreError):
        FileStore((tmp_path / "files").as_uri()).check()


def test_a_folder_on_disk_is_ours_alone(tmp_path: Path) -> None:
    FileStore((tmp_path / "files").as_uri()).check()
    assert (tmp_path / "files").stat().st_mode & 0o077 == 0
