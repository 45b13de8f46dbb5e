"""What keeping backups safe asks of Barman: verify one, keep one, tell how the server is configured."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.backups.barman import Barman, BarmanError

ARCHIVE_NAMES = "*.tar*"
NAMED = re.compile(r'"([^"]+)"')
IN_ARCHIVE = re.compile(r'in archive "([^"]+)"')
FAILED_IN = re.compile(r"verify backup failure on directory '(.+)'")
BEGUN = "Calling pg_verifybackup"
"""Barman's own words; what follows is pg_verifybackup's, in the language of the server."""
LONGEST_REASON = 600
HOSTS, PORTS = re.compile(r"\bhost=([^\s]+)"), re.compile(r"\bport=([\d,]+)")


@dataclass(frozen=True)
class Verdict:
    """What comparing a backup with its manifest found; `broken_file` is the first one that differs."""

    passed: bool
    reason: str = ""
    broken_file: str = ""


@dataclass(frozen=True)
class ServerFacts:
    """How Barman's server is configured and what it is connected to. No address holds a password."""

    retention_policy: str
    minimum_redundancy: int
    encryption: str
    encryption_key: str
    has_passphrase_command: bool
    archives: bool
    streams: bool
    nodes: tuple[str, ...]
    follows_primary: bool
    expects_standby: bool
    in_recovery: bool | None
    data_directory: str
    backup_directory: str
    connection_error: str


def verify(barman: Barman, backup_id: str, tick: Callable[[], None] = lambda: None) -> Verdict:
    """Compare every file of a backup with its manifest (pg_verifybackup).

    Raises BarmanError when it could not be compared, which says nothing about the backup.
    """
    return read_verdict(barman.ask_long("verify-backup", barman.server, backup_id, tick=tick))


def read_verdict(answer: Mapping[str, Any]) -> Verdict:
    """Read the JSON of `verify-backup`. Raises BarmanError where it holds no verdict: silence is no proof."""
    problems = [str(problem).strip() for problem in answer.get("_ERROR", [])]
    place = next((found[1] for problem in problems if (found := FAILED_IN.search(problem))), "")
    if answer.get("_EXCEPTION") or (problems and not place):
        raise BarmanError("; ".join(problems) or str(answer["_EXCEPTION"]))
    if not problems:
        lines = [str(line).strip() for line in answer.get("_INFO", [])]
        if not any(line and not line.startswith(BEGUN) for line in lines):
            raise BarmanError("Barman gave no verdict.")
        return Verdict(passed=True)
    complaints = [line for problem in problems[1:] for line in problem.splitlines()]
    return Verdict(passed=False, reason=_shortened(complaints), broken_file=broken_file(complaints, place))


def broken_file(complaints: list[str], folder: str) -> str:
    """Return the first file that pg_verifybackup names; of an archive it cannot unpack the archive itself."""
    for line in complaints:
        if "backup manifest" in line or "manifest checksum" in line:
            return "backup_manifest"
        if named := NAMED.search(line):
            archive = IN_ARCHIVE.search(line)
            return f"{named[1]} in {archive[1]}" if archive else named[1]
    archives = sorted(path.name for path in Path(folder).glob(ARCHIVE_NAMES))
    return " or ".join(archives) or folder


def _shortened(complaints: list[str]) -> str:
    text = "; ".join(line.removeprefix("pg_verifybackup: error: ") for line in complaints)
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}… ({len(complaints)} lines)"


def keep(barman: Barman, backup_id: str) -> None:
    """Exempt a full backup, and the WAL a restore from it needs, from retention."""
    barman.ask("keep", "--target", "full", barman.server, backup_id)


def release(barman: Barman, backup_id: str) -> None:
    """Let retention remove a backup again when its time comes."""
    barman.ask("keep", "--release", barman.server, backup_id)


def list_kept(barman: Barman) -> list[str]:
    """Return the ids of backups that are exempt from retention."""
    rows = barman.ask("list-backups", barman.server).get(barman.server, [])
    return [row["backup_id"] for row in rows if str(row.get("retention_status", "")).startswith("KEEP")]


def read_server(barman: Barman) -> ServerFacts:
    """Return how the server is configured, and what it is connected to."""
    shown = barman.ask("show-servers", barman.server).get(barman.server)
    if not shown:
        raise BarmanError(f"Barman knows no server called {barman.server}.")
    return parse_server(shown)


def parse_server(shown: Mapping[str, Any]) -> ServerFacts:
    """Read the JSON of `show-servers`."""
    conninfo = str(shown.get("conninfo") or "")
    return ServerFacts(
        retention_policy=str(shown.get("retention_policy") or ""),
        minimum_redundancy=int(shown.get("minimum_redundancy") or 0),
        encryption=str(shown.get("encryption") or ""),
        encryption_key=str(shown.get("encryption_key_id") or ""),
        has_passphrase_command=bool(shown.get("encryption_passphrase_command")),
        archives=bool(shown.get("archiver")),
        streams=bool(shown.get("streaming_archiver")),
        nodes=nodes_of(conninfo),
        follows_primary="target_session_attrs=read-write" in conninfo.replace("'", ""),
        expects_standby=bool(shown.get("primary_conninfo")),
        in_recovery=shown.get("is_in_recovery"),
        data_directory=str(shown.get("data_directory") or ""),
        backup_directory=str(shown.get("backup_directory") or ""),
        connection_error=str(shown.get("connection_error") or ""),
    )


def nodes_of(conninfo: str) -> tuple[str, ...]:
    """Return `host:port` of every node a connection string names."""
    hosts, ports = HOSTS.search(conninfo), PORTS.search(conninfo)
    names = hosts[1].strip("'").split(",") if hosts else ["local"]
    numbers = ports[1].split(",") if ports else ["5432"]
    numbers = numbers * len(names) if len(numbers) == 1 else numbers
    return tuple(f"{name}:{number}" for name, number in zip(names, numbers, strict=False))


def passphrase_command(barman: Barman) -> str:
    """Return the command that prints the key's passphrase, '' when there is none."""
    shown = barman.ask("show-servers", barman.server).get(barman.server) or {}
    return str(shown.get("encryption_passphrase_command") or "")
