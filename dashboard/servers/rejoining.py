"""Brings a server that was a primary, or went another way, back behind the present primary."""

import os
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from dashboard.servers.binaries import major_version
from dashboard.servers.control_data import lsn_of, position_of, read_control_data
from dashboard.servers.errors import ServerError
from dashboard.servers.pgdata import check_folder, write_private
from dashboard.servers.postgres import HOST, SUPERUSER
from dashboard.servers.process import hear_tool
from dashboard.servers.standby import AUTOMATIC, SIGNAL, Standby, drop_settings

FOLLOWED, REWOUND, COPIED = "followed", "rewound", "copied"
DIVERGED = re.compile(r"servers diverged at WAL location (\S+) on timeline (\d+)")
LSN = re.compile(r"\b[0-9A-F]{1,8}/[0-9A-F]{1,8}\b")
# States of a server that was a primary. On one timeline pg_rewind cannot tell whose records are whose.
WROTE, SAME = ("shut down", "in production"), "on the same timeline"
NOT_NEEDED = "no rewind required"


@dataclass(frozen=True)
class Rejoined:
    """How it came back. `discarded_bytes` of WAL were written by it alone and are gone; None: not known.

    `reason` says why it was copied anew.
    """

    how: str
    discarded_bytes: int | None = 0
    reason: str = ""


def rejoin(server: Standby) -> Rejoined:
    """Make the stopped server's folder one that follows its upstream: as it is, rewound, or copied anew.

    A mark beside the folder says that it is under way: a folder that pg_rewind left half-done is never
    started, but copied anew. Raises ServerError.
    """
    mark = rejoining_mark(server.folder)
    was_broken_off = mark.exists()
    write_private(mark, "", None)
    if not check_folder(server.folder, server.account, major_version(server.bin)):
        done = _copy(server, "it had no data")
    elif was_broken_off:
        done = _copy(server, "an earlier attempt was broken off")
    else:
        done = _rewind_or_copy(server)
    write_private(server.folder / SIGNAL, "", server.account)
    mark.unlink()
    return done


def rejoining_mark(folder: Path) -> Path:
    """Return the file that is there while a folder is being changed to follow another server."""
    return folder.with_name(f"{folder.name}.rejoining")


def _copy(server: Standby, reason: str) -> Rejoined:
    server.copy_primary()
    return Rejoined(COPIED, None, reason)


def _rewind_or_copy(server: Standby) -> Rejoined:
    (server.folder / SIGNAL).unlink(missing_ok=True)  # recovery after a crash is not for a standby
    wrote = read_control_data(server.folder, server.bin, server.account).state in WROTE
    end = end_of_wal(server)
    try:
        said = _run_rewind(server)
    except ServerError as error:
        return _copy(server, str(error))
    drop_settings(server.folder / AUTOMATIC, server)
    if wrote and SAME in said:
        return _copy(server, "it wrote on the timeline of the present primary")
    if NOT_NEEDED in said:
        return Rejoined(FOLLOWED)
    found = DIVERGED.search(said)
    return Rejoined(REWOUND, max(0, end - position_of(found[1])) if found and end is not None else None)


def _run_rewind(server: Standby) -> str:
    """Run pg_rewind against the primary and return what it said. Raises ServerError."""
    upstream = server.following()
    _checkpoint(upstream.port, upstream.superuser_password)
    passwords = server.folder.with_name(f"{server.folder.name}.rewind.pgpass")
    entry = f"{HOST}:{upstream.port}:*:{SUPERUSER}:{upstream.superuser_password}\n"
    write_private(passwords, entry, server.account)
    server.configure()  # the recovery after a crash reads it
    source = f"host={HOST} port={upstream.port} user={SUPERUSER} dbname=postgres passfile='{passwords}'"
    argv = [
        os.fspath(server.bin / "pg_rewind"),
        *("--target-pgdata", os.fspath(server.folder), "--source-server", source),
    ]
    try:
        answer = hear_tool(argv, server.folder.parent, server.account)
    finally:
        passwords.unlink(missing_ok=True)
    if answer.returncode:
        raise ServerError(f"pg_rewind failed: {' '.join(answer.stderr.strip().splitlines()[-3:])}")
    return answer.stdout + answer.stderr


def end_of_wal(server: Standby) -> int | None:
    """Return where a stopped server's own WAL ends, in bytes; None when it cannot be read."""
    data = read_control_data(server.folder, server.bin, server.account)
    argv = [
        os.fspath(server.bin / "pg_waldump"),
        *("--path", os.fspath(server.folder / "pg_wal"), "--timeline", str(data.timeline)),
        *("--start", lsn_of(data.position), "--quiet"),
    ]
    # It reads until there is none: "error in WAL record at 0/30001B8: invalid record length at 0/30001F0".
    said = hear_tool(argv, server.folder.parent, server.account, timeout=120).stderr
    found = [position_of(lsn) for line in said.splitlines() if "error" in line for lsn in LSN.findall(line)]
    return max(found, default=None)


def _checkpoint(port: int, password: str) -> None:
    """Let the primary's pg_control tell its new timeline: before version 16, pg_rewind asks nobody else."""
    link = psycopg2.connect(
        host=HOST, port=port, user=SUPERUSER, password=password, dbname="postgres", connect_timeout=5
    )
    link.autocommit = True
    with closing(link), link.cursor() as at:
        at.execute("CHECKPOINT")
