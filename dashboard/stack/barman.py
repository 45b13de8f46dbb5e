"""Barman beside the stack: its folders and configuration, the first run, its receiver's end."""

import os
import pwd
from pathlib import Path

from dashboard.servers.erp_roles import BACKUP
from dashboard.servers.folders import make_passable
from dashboard.servers.pgdata import make_private_folder, write_private
from dashboard.servers.postgres import HOST
from dashboard.stack.layout import Layout, find_program

SERVER = "main"
PRIVATE_FOLDERS = ("base", "wals", "streaming", "errors")

GLOBAL = """\
[barman]
barman_user = {user}
barman_home = {home}
barman_lock_directory = {home}
configuration_files_directory = {home}/servers.d
log_file = {log}
log_level = INFO
path_prefix = {bin}
"""
# Through `target_session_attrs` Barman follows the primary when a standby is promoted.
MAIN = """\
[{server}]
description = "ERP cluster"
conninfo = {nodes} user={user} dbname=postgres passfile='{passwords}' application_name=barman
streaming_conninfo = {nodes} user={user} passfile='{passwords}' application_name=barman_receive_wal
backup_method = postgres
streaming_archiver = on
archiver = on
slot_name = barman_main
create_slot = auto
immediate_checkpoint = true
backup_compression = gzip
backup_compression_format = tar
backup_compression_level = 1
compression = gzip
staging_path = {home}/staging
staging_location = local
retention_policy = RECOVERY WINDOW OF 30 DAYS
minimum_redundancy = 1
last_backup_maximum_age = 26 HOURS
last_wal_maximum_age = 1 HOURS
"""


def prepare(layout: Layout) -> None:
    """Make Barman's folders and write its configuration; only `incoming` is the server account's."""
    home = layout.barman
    for folder in (home, home / SERVER):
        make_passable(folder, layout.account)
    for name in PRIVATE_FOLDERS:
        make_private_folder(home / SERVER / name, None)
    make_private_folder(home / "staging", None)
    make_private_folder(home / "servers.d", None)
    make_private_folder(layout.incoming, layout.account)
    passwords = home / "pgpass"
    write_private(passwords, f"{HOST}:*:*:{BACKUP}:{layout.state.password('backup')}\n", None)
    write_private(layout.barman_config, _global(layout), None)
    write_private(home / "servers.d" / f"{SERVER}.conf", _main(layout, passwords), None)


def command(layout: Layout, *arguments: str) -> list[str]:
    """Return the command line of one call of Barman."""
    return [find_program("barman"), "-q", "-c", os.fspath(layout.barman_config), *arguments]


def _global(layout: Layout) -> str:
    return GLOBAL.format(
        user=pwd.getpwuid(os.geteuid()).pw_name,
        home=layout.barman,
        log=layout.logs / "barman.log",
        bin=layout.bin,
    )


def _main(layout: Layout, passwords: Path) -> str:
    ports = [str(server.port) for server in (layout.erp, *layout.standbys)]
    hosts = ",".join([HOST] * len(ports))
    nodes = f"host={hosts} port={','.join(ports)} target_session_attrs=read-write"
    return MAIN.format(server=SERVER, nodes=nodes, user=BACKUP, passwords=passwords, home=layout.barman)
