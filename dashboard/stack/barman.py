"""Barman beside the stack: its folders and configuration, the first run, its receiver's end."""

import os
import pwd
from pathlib import Path

from dashboard.servers import Standby
from dashboard.servers.erp_roles import BACKUP
from dashboard.servers.folders import make_passable
from dashboard.servers.pgdata import make_private_folder, write_private
from dashboard.servers.postgres import HOST
from dashboard.stack.layout import Layout, find_program
from dashboard.stack.options import StackError

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
# Through `target_session_attrs` Barman follows the primary when a standby is promoted. WAL always comes from
# the primary; base backups do too, unless a standby is chosen as their source.
MAIN = """\
[{server}]
description = "ERP cluster"
{connections}
backup_method = postgres
streaming_archiver = on
archiver = {archiver}
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
{encryption}"""
ENCRYPTION = """\
encryption = gpg
encryption_key_id = {key}
encryption_passphrase_command = {command}
"""
# Steward fills this file from its settings; Barman reads it after the server's own, so that it wins.
POLICY = "; Written by Steward from its settings: change them there, not here.\n"


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
    policy = home / "servers.d" / f"{SERVER}.policy.conf"
    if not policy.exists():
        write_private(policy, POLICY, None)


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
    options = layout.options
    encryption = ENCRYPTION.format(key=options.backup_key, command=options.passphrase_command)
    return MAIN.format(
        server=SERVER,
        connections="\n".join(_connections(layout, passwords)),
        # Barman cannot compare WAL that comes twice with an encrypted copy: it would leave the second one,
        # unencrypted, in its errors folder.
        archiver="off" if options.backup_key else "on",
        encryption=encryption if options.backup_key else "",
        home=layout.barman,
    )


def _connections(layout: Layout, passwords: Path) -> list[str]:
    login = f"user={BACKUP} passfile='{passwords}'"
    ports = [str(server.port) for server in (layout.primary, *layout.standbys)]
    hosts = ",".join([HOST] * len(ports))
    nodes = f"host={hosts} port={','.join(ports)} target_session_attrs=read-write {login}"
    source = nodes
    lines = []
    if standby := find_source(layout):
        source = f"host={HOST} port={standby.port} {login}"
        lines = [
            f"primary_conninfo = {nodes} dbname=postgres application_name=barman",
            f"wal_conninfo = {nodes} dbname=postgres application_name=barman",
            f"wal_streaming_conninfo = {nodes} application_name=barman_receive_wal",
        ]
    name = "barman_base_backup" if lines else "barman_receive_wal"
    return [
        f"conninfo = {source} dbname=postgres application_name=barman",
        f"streaming_conninfo = {source} application_name={name}",
        *lines,
    ]


def find_source(layout: Layout) -> Standby | None:
    """Return the standby that base backups are read from; None for the primary. Raises StackError."""
    wanted = layout.options.backup_source
    if wanted in ("", "primary", layout.primary.name):
        return None
    for standby in layout.standbys:
        if standby.name == wanted:
            return standby
    names = ", ".join(["primary", *(standby.name for standby in layout.standbys)])
    raise StackError(f"STEWARD_BACKUP_SOURCE={wanted} is none of {names}.")
