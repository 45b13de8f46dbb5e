"""A real PgBouncer in transaction mode before the ERP of the session's servers."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dashboard.servers import free_port
from dashboard.servers.accounts import popen_options, service_account
from tests.cluster import wait_until
from tests.conftest import Servers

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


@contextmanager
def pgbouncer(
    servers: Servers, folder: Path, *, user: str = "postgres", password: str = "", size: int = 1
) -> Iterator[str]:
    """Run it with so many server connections of one login; yields the address of its console."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    port, account, postgres = free_port(), service_account(), servers.postgres
    (folder / "users.txt").write_text('"postgres" "console"\n"steward_app" "app"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\nerp_test = host=127.0.0.1 port={postgres.port} dbname=erp_test user={user}"
        f" password={password or postgres.superuser_password}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = plain\nauth_file = {folder}/users.txt\npool_mode = transaction\n"
        f"default_pool_size = {size}\nstats_users = postgres\nadmin_users = postgres\n"
    )
    for path in (folder, *folder.iterdir()):
        if account:
            account.own(path)
    log = (folder / "log").open("wb")
    command = [PGBOUNCER, str(folder / "pgbouncer.ini")]
    child = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **popen_options(account))
    try:
        wait_until(lambda: is_listening(port), 10, (folder / "log").read_text(errors="replace"))
        yield f"postgresql://postgres:console@127.0.0.1:{port}/pgbouncer"
    finally:
        child.terminate()
        child.wait(10)
        log.close()


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
