"""Scratch servers over a copied data folder: private, never archiving, gone without a trace."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from dashboard.servers import Postgres, ServerError, free_port, scratch_folder
from dashboard.servers import scratch as scratch_module
from dashboard.servers.accounts import service_account
from dashboard.servers.scratch import (
    LONGEST_SOCKET_FOLDER,
    ScratchServer,
    list_scratch_servers,
    programs_for,
    stop_scratch_servers,
)

pytestmark = pytest.mark.slow
# What a live server brings along, and its copy must not act upon.
LIVE = {"archive_mode": "on", "archive_command": "false", "cluster_name": "live", "fsync": "off"}


@pytest.fixture(scope="module")
def live() -> Iterator[Postgres]:
    """A stopped server, whose settings and ALTER SYSTEM values its copies inherit."""
    with scratch_folder() as home:
        server = Postgres(home / "live", free_port(), "secret", LIVE)
        server.ensure_initialised()
        server.start()
        link = psycopg2.connect(server.url("postgres"))
        link.autocommit = True
        with link.cursor() as at:
            at.execute("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'")
            at.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            at.execute("ALTER SYSTEM SET max_connections = 77")
        link.close()
        server.stop()
        yield server


@pytest.fixture
def scratch(live: Postgres) -> Iterator[ScratchServer]:
    """A copy of it, not started."""
    with scratch_folder() as home:
        server = ScratchServer(home / "scratch" / "7")
        fill(server, live)
        yield server
        server.remove()


def fill(server: ScratchServer, live: Postgres) -> None:
    server.make_folder()
    shutil.copytree(live.folder, server.data)
    server.own()


def value(server: ScratchServer, statement: str) -> object:
    link = psycopg2.connect(server.url())
    link.autocommit = True
    try:
        with link.cursor() as at:
            at.execute(statement)
            row = at.fetchone() if at.description else None
            return row[0] if row else None
    finally:
        link.close()


def test_a_copy_runs_beside_the_original_and_does_nothing_of_what_that_did(scratch: ScratchServer) -> None:
    scratch.start()
    scratch.wait(30)
    wanted = {
        "listen_addresses": "",
        "archive_mode": "off",
        "primary_conninfo": "",
        "synchronous_standby_names": "",
        "cluster_name": "scratch-7",
    }
    for name, setting in wanted.items():
        assert value(scratch, f"SHOW {name}") == setting, name
    value(scratch, "CREATE TABLE t AS SELECT 1")  # waits for no standby
    pid = scratch.pid
    scratch.start()  # is running: nothing happens
    assert scratch.pid == pid
    assert stat_mode(scratch.socket_folder) == 0o700
    scratch.remove()
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()
    assert not scratch.folder.exists()
    scratch.remove()


def stat_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_too_deep_for_a_socket_gets_a_private_one_that_goes_with_it(live: Postgres) -> None:
    with scratch_folder() as home:
        deep = ScratchServer(home / ("d" * LONGEST_SOCKET_FOLDER) / "scratch" / "1")
        deep.folder.parent.parent.mkdir(mode=0o711)
        fill(deep, live)
        deep.start()
        deep.wait(30)
        folder = deep.socket_folder
        assert len(os.fsencode(folder)) < LONGEST_SOCKET_FOLDER
        assert stat_mode(folder) == 0o700
        assert value(deep, "SELECT 1") == 1
        deep.remove()
        assert not folder.exists()


def test_all_of_them_are_stopped_at_once_and_their_data_stay(scratch: ScratchServer) -> None:
    root = scratch.folder.parent
    assert stop_scratch_servers(root) == 0
    scratch.start()
    scratch.wait(30)
    assert [server.folder for server in list_scratch_servers(root)] == [scratch.folder]
    assert stop_scratch_servers(root) == 1
    assert scratch.pid is None
    assert scratch.data.is_dir()
    assert stop_scratch_servers(root / "nowhere") == 0


def test_a_server_that_cannot_start_says_why_at_once(scratch: ScratchServer) -> None:
    with (scratch.data / "postgresql.conf").open("a") as stream:
        stream.write("nonsense = 1\n")
    scratch.start()
    with pytest.raises(ServerError, match="contains errors"):
        scratch.wait(30)
    assert not scratch.promoted()


def test_a_server_with_a_damaged_catalogue_is_not_waited_for(
    scratch: ScratchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_module, "BIRTH_SECONDS", 0.5)
    (scratch.data / "global" / "pg_filenode.map").write_bytes(b"broken")
    scratch.start()
    with pytest.raises(ServerError, match=r"lets nobody in: .*pg_filenode\.map"):
        scratch.wait(30)


def test_one_that_takes_too_long_is_given_up(scratch: ScratchServer) -> None:
    (scratch.data / "recovery.signal").touch()
    scratch.own()
    scratch.start({"restore_command": "sleep 60"})
    with pytest.raises(TimeoutError):
        scratch.wait(0.5)


def test_a_program_left_in_the_folder_goes_with_it(scratch: ScratchServer) -> None:
    left = subprocess.Popen(["sleep", "60"], cwd=scratch.folder)  # noqa: S607
    scratch.remove()
    assert not psutil.pid_exists(left.pid)
    left.wait(5)


def test_an_empty_folder_and_a_version_without_programs_are_said_in_words(tmp_path: Path) -> None:
    empty = ScratchServer(tmp_path / "9")
    with pytest.raises(ServerError, match="holds no restored data folder"):
        empty.start()
    assert empty.said() == ""
    with pytest.raises(ServerError, match="no programs of that version"):
        programs_for(99, service_account(), tmp_path)
