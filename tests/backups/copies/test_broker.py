"""The broker's copy: one moment's whole state, and a real server that starts from it."""

from pathlib import Path

import pytest
import redis
from flask import Flask

from dashboard.backups.copies import broker, queries
from dashboard.backups.copies.archives import ArchiveError, BrokenArchiveError
from dashboard.backups.copies.models import CopyKind
from dashboard.servers import Valkey, free_port, scratch_folder
from tests.backups.copies.places import Site, run_job, site
from tests.conftest import Servers

__all__ = ["site"]
pytestmark = [pytest.mark.commits]


def test_server_started_from_a_copy_has_every_key(servers: Servers, tmp_path: Path) -> None:
    url = servers.valkey.url(7)
    with redis.Redis.from_url(url) as client:
        client.mset({f"copied:{number}": "x" * 100 for number in range(2000)})
        client.lpush("a list", *range(10))
        broker.snapshot(url, tmp_path / "rdb", lambda: None)
        client.flushdb()
    with scratch_folder() as folder:
        restored = Valkey(folder / "broker", free_port(), "pw", append_only=True)
        broker.lay_out(tmp_path / "rdb", restored.folder, restored.account)
        for _ in range(2):  # a second start reads what the first one wrote
            restored.start()
            with redis.Redis.from_url(restored.url(7)) as client:
                assert client.dbsize() == 2001
                assert client.lrange("a list", 0, -1)[0] == b"9"
                assert client.config_get("appendonly") == {"appendonly": "yes"}
            restored.stop()


def test_job_copies_and_proves_and_a_flipped_byte_is_found(site: Site, app: Flask, tmp_path: Path) -> None:
    done = run_job("backups.copy_broker")
    assert (done.status, done.error) == ("succeeded", ""), done.traceback
    copy = queries.list_copies(CopyKind.BROKER)[0]
    assert copy.proven_at is not None
    assert copy.details["keys"] > 0
    assert run_job("backups.prove_copy", {"copy_id": copy.id}).status == "succeeded"
    command = app.test_cli_runner()
    laid = command.invoke(args=["backups", "restore-broker", str(copy.id), str(tmp_path / "broker")])
    assert "is ready" in laid.output
    assert (tmp_path / "broker" / "appendonlydir" / broker.BASE).stat().st_size == copy.size_bytes
    for number, folder, words in ((0, "x", "no such copy"), (copy.id, "broker", "exists")):
        refused = command.invoke(args=["backups", "restore-broker", str(number), str(tmp_path / folder)])
        assert words in refused.output
    path = site.path(copy)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = run_job("backups.prove_copy", {"copy_id": copy.id})
    assert "SHA-256 differs" in again.error
    assert queries.list_copies(CopyKind.BROKER)[0].status == "failed"


def test_cut_copy_starts_no_server(servers: Servers, tmp_path: Path) -> None:
    target = tmp_path / "rdb"
    broker.snapshot(servers.valkey.url(), target, lambda: None)
    target.write_bytes(target.read_bytes()[:-9])
    with pytest.raises(BrokenArchiveError, match="No server starts"):
        broker.prove(target)


def test_wrong_password_and_absent_broker_are_called_that(servers: Servers, tmp_path: Path) -> None:
    wrong = servers.valkey.url().replace(servers.valkey.password, "wrong")
    with pytest.raises(ArchiveError, match="refuses the login"):
        broker.snapshot(wrong, tmp_path / "rdb", lambda: None)
    with pytest.raises(ArchiveError, match="does not answer"):
        broker.snapshot("redis://:x@127.0.0.1:9/0", tmp_path / "rdb", lambda: None)
