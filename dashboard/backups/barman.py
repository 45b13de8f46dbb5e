"""Drives Barman as a program: JSON answers, live output of a backup, errors as it words them."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 60
CRON_SECONDS = 120
STOP_SECONDS = 20
# Barman gets what a program needs, and none of Steward's own secrets.
PASSED_ON = ("HOME", "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "PGPASSFILE", "GNUPGHOME")


class BarmanError(Exception):
    """Barman is missing, misconfigured or refused; the message is Barman's own."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A line of `list-backups`."""

    backup_id: str
    kind: str
    status: str


@dataclass(frozen=True)
class BackupFacts:
    """What `show-backup` tells; sizes in bytes, times with their zone."""

    backup_id: str
    kind: str
    status: str
    parent_id: str | None = None
    begin_at: datetime | None = None
    end_at: datetime | None = None
    copy_seconds: float | None = None
    size_bytes: int | None = None
    cluster_bytes: int | None = None
    wal_bytes: int | None = None
    begin_wal: str | None = None
    end_wal: str | None = None
    begin_lsn: str | None = None
    end_lsn: str | None = None
    timeline: int | None = None
    compression: str | None = None
    encryption: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Origin:
    """Which server a backup is of: its major version, and the names of its tablespaces."""

    major: int
    tablespaces: tuple[str, ...]


@dataclass(frozen=True)
class CheckResult:
    """One line of `barman check`."""

    name: str
    passed: bool
    hint: str


class Barman:
    """One server of one Barman configuration."""

    def __init__(self, config: Path | None, server: str, program: str = "barman") -> None:
        self.config = config
        self.server = server
        self.program = program

    def list_backups(self) -> list[CatalogueEntry]:
        """Return every backup in the repository, the newest first."""
        rows = self._server_part(self.ask("list-backups", self.server))
        return [
            CatalogueEntry(row["backup_id"], row.get("backup_type", "full"), row["status"]) for row in rows
        ]

    def show_backup(self, backup_id: str) -> BackupFacts:
        """Return all that is known of a backup."""
        return parse_backup(self._server_part(self.ask("show-backup", self.server, backup_id)))

    def find_origin(self, backup_id: str) -> Origin:
        """Return what programs a backup needs, and what it would put outside its folder."""
        shown = self._server_part(self.ask("show-backup", self.server, backup_id))
        names = tuple(str(item["name"]) for item in shown.get("tablespaces") or [])
        return Origin(int(shown.get("postgresql_version") or 0) // 10_000, names)

    def check(self) -> list[CheckResult]:
        """Return every check; failed ones are results, not errors."""
        results = self._server_part(self.ask("check", self.server))
        return [
            CheckResult(name.replace("_", " "), row["status"] == "OK", row.get("hint", ""))
            for name, row in sorted(results.items())
        ]

    def list_wal(self, backup_id: str) -> list[str]:
        """Return the names of all WAL files kept since a backup began.

        `list-files` stops where the next backup ends, so it only says where the repository keeps them.
        """
        listed = self._listed("wal", backup_id)
        if not listed:
            return []
        begin = min(path.name for path in listed)
        try:
            return sorted(path.name for path in listed[0].parent.parent.glob("*/*") if path.name >= begin)
        except OSError as error:
            raise BarmanError(f"The WAL of the repository cannot be listed: {error.strerror}") from error

    def get_wal(self, name: str, folder: Path) -> None:
        """Put one WAL file, decrypted and decompressed, into a folder; also one that is not whole yet."""
        self.ask("get-wal", "--partial", "--output-directory", os.fspath(folder), self.server, name)

    def restore(
        self,
        backup_id: str,
        destination: Path,
        *,
        staging: Path,
        restore_command: str,
        tablespaces: Mapping[str, Path],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Bring a backup's data folder back, a chain combined; WAL is left to `restore_command`.

        `tick` is called every second and may raise: the restore is then broken off. Works in the folder that
        `destination` is in, so that what it leaves behind when its caller is killed can be found.
        """
        options = [
            *("--staging-path", os.fspath(staging), "--staging-location", "local"),
            *("--get-wal", "--restore-command", restore_command),
            *(word for pair in tablespaces.items() for word in ("--tablespace", f"{pair[0]}:{pair[1]}")),
        ]
        command = ["-f", "json", "restore", *options, self.server, backup_id, os.fspath(destination)]
        lines: list[str] = []
        code = self._stream(command, lines.append, tick, folder=destination.parent)
        answer = _json_in(lines)
        if problems := [*answer.get("_ERROR", []), *answer.get("_EXCEPTION", [])]:
            raise BarmanError("; ".join(str(problem).strip() for problem in problems))
        if code or not answer:
            raise BarmanError(said("\n".join(lines)) or f"barman restore ended with {code}")
        if not (destination / "global" / "pg_control").exists():  # pg_basebackup sends it last
            held = self._listed("data", backup_id)
            packed = next((path for path in held if path.name.startswith("base.tar")), backup_id)
            # `tar` takes damage that looks like an end for one, and says nothing
            raise BarmanError(f"Error decompressing {packed} into {destination}: unexpected end")

    def _listed(self, target: str, backup_id: str) -> list[Path]:
        answer = self.ask("list-files", "--target", target, self.server, backup_id)
        return [Path(line) for line in answer.get("_INFO", [])]

    def version(self) -> str:
        """Return Barman's version."""
        done = self._finished(["--version"], ANSWER_SECONDS)
        return done.stdout.split()[0] if done.stdout else ""

    def cron(self) -> None:
        """Keep receive-wal alive, file WAL away and enforce retention: needed every minute."""
        done = self._finished(["-q", "cron"], CRON_SECONDS)
        if done.returncode:
            raise BarmanError(said(done.stderr) or f"barman cron ended with {done.returncode}")

    def switch_wal(self) -> None:
        """Close the current WAL and wait for it: without any WAL in the repository a backup is refused."""
        self.ask("switch-wal", "--force", "--archive", "--archive-timeout", "30", self.server)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run a command and return its JSON. Raises BarmanError with what Barman says."""
        done = self._finished(["-f", "json", *arguments], ANSWER_SECONDS)
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            reason = said(done.stderr) or f"barman {arguments[0]} ended with {done.returncode}"
            raise BarmanError(reason) from error
        # The return code says little: `check` ends with 1 when a check fails, which is an answer.
        if problems := [*answer.get("_ERROR", []), *answer.get("_EXCEPTION", [])]:
            raise BarmanError("; ".join(str(problem).strip() for problem in problems))
        return answer

    def ask_long(self, *arguments: str, tick: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Run a command that may take hours and return its JSON with its complaints in it.

        `tick` is called every second and may raise: the command is then broken off.
        """
        lines: list[str] = []
        code = self._stream(["-f", "json", *arguments], lines.append, tick)
        answer = _json_in(lines)
        if not answer:
            raise BarmanError(said("\n".join(lines)) or f"barman {arguments[0]} ended with {code}")
        return answer

    def backup(
        self,
        on_line: Callable[[str], None],
        *,
        incremental_from: str = "",
        tick: Callable[[], None] = lambda: None,
    ) -> str:
        """Make a base backup, full unless a parent is given, and wait for its WAL; return its id.

        `on_line` gets Barman's output as it comes. `tick` is called every second and may raise: the backup
        is then broken off.
        """
        parent = ["--incremental", incremental_from] if incremental_from else []
        lines: list[str] = []

        def heard(line: str) -> None:
            lines.append(line)
            on_line(line)

        code = self._stream(["backup", "--wait", *parent, self.server], heard, tick)
        if code:
            raise BarmanError(said("\n".join(lines)) or f"barman backup ended with {code}")
        return backup_id_of(lines)

    def _server_part(self, answer: Mapping[str, Any]) -> Any:
        try:
            return answer[self.server]
        except KeyError as error:
            raise BarmanError(f"Barman knows no server called {self.server}.") from error

    def _command(self, arguments: Sequence[str]) -> list[str]:
        if self.config is None:
            raise BarmanError("Barman is not set up: STEWARD_BARMAN_CONFIG is empty.")
        if not self.config.is_file():
            raise BarmanError(f"Barman's configuration {self.config} does not exist.")
        return [find_program(self.program), "-c", os.fspath(self.config), *arguments]

    def _finished(self, arguments: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
        command = self._command(arguments)
        try:
            return subprocess.run(
                command, env=environment(), capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BarmanError(f"barman {arguments[-1]} gave no answer within {seconds:.0f} s.") from error
        except OSError as error:
            raise BarmanError(f"{command[0]} cannot be run: {error.strerror}") from error

    def _stream(
        self,
        arguments: Sequence[str],
        on_line: Callable[[str], None],
        tick: Callable[[], None],
        *,
        folder: Path | None = None,
    ) -> int:
        process = subprocess.Popen(
            self._command(arguments),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that pg_basebackup can be stopped with it
        )
        heard: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process, heard), daemon=True)
        reader.start()
        try:
            _follow(heard, on_line, tick)
            return process.wait()
        except BaseException:
            _break_off(process)
            raise
        finally:
            reader.join(STOP_SECONDS)


def _read(process: "subprocess.Popen[str]", heard: "queue.Queue[str | None]") -> None:
    """Hand on each line, then None; in a thread, because reading waits as long as Barman is silent."""
    if process.stdout:
        with process.stdout:
            for line in process.stdout:
                heard.put(line.rstrip())
    heard.put(None)


def _follow(
    heard: "queue.Queue[str | None]", on_line: Callable[[str], None], tick: Callable[[], None]
) -> None:
    """Pass output on as it comes; call `tick` at least every second also while Barman is silent."""
    while True:
        tick()
        try:
            line = heard.get(timeout=1.0)
        except queue.Empty:
            continue
        if line is None:
            return
        if line:
            on_line(line)


def _break_off(process: "subprocess.Popen[str]") -> None:
    """Interrupt Barman and its children as Ctrl-C would; it then marks the backup as failed."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
            return


def find_program(program: str) -> str:
    """Return the path of Barman: as given, beside this Python, or on the PATH."""
    beside = Path(sys.executable).parent / program
    if os.sep not in program and beside.is_file():
        return os.fspath(beside)
    found = shutil.which(program)
    if found is None:
        raise BarmanError(f"Barman is not installed: there is no program {program}.")
    return found


def environment() -> dict[str, str]:
    """Return the variables Barman gets; its output must not wait in a buffer."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {"PYTHONUNBUFFERED": "1"}


def said(text: str) -> str:
    """Return what Barman complains of: its ERROR lines, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith(("ERROR:", "EXCEPTION:"))]
    return "; ".join(complaints) or (lines[-1] if lines else "")


def _json_in(lines: Sequence[str]) -> dict[str, Any]:
    """Return the answer among the lines of its output, which warnings of other programs may be in too."""
    for line in reversed(lines):
        if line.startswith("{"):
            with suppress(ValueError):
                answer: dict[str, Any] = json.loads(line)
                return answer
    return {}


def backup_id_of(lines: Sequence[str]) -> str:
    """Return the id in "Starting backup … in …/base/20261120T234228"."""
    for line in lines:
        if line.startswith("Starting backup using"):
            return line.rsplit("/", 1)[-1].strip()
    raise BarmanError("Barman's output names no backup.")


def parse_backup(shown: Mapping[str, Any]) -> BackupFacts:
    """Read the JSON of `show-backup`; one that failed has no more than its error."""
    base: Mapping[str, Any] = shown.get("base_backup_information", {})
    catalogue: Mapping[str, Any] = shown.get("catalog_information", {})
    return BackupFacts(
        backup_id=shown["backup_id"],
        kind="incremental" if shown.get("backup_type") == "incremental" else "full",
        status=shown["status"],
        parent_id=catalogue.get("parent_backup_id"),
        begin_at=_moment(base.get("begin_time")),
        end_at=_moment(base.get("end_time")),
        copy_seconds=base.get("copy_time_seconds"),
        size_bytes=base.get("backup_size_bytes"),
        cluster_bytes=_whole(shown.get("cluster_size_bytes")),
        wal_bytes=base.get("wal_size_bytes"),
        begin_wal=base.get("begin_wal"),
        end_wal=base.get("end_wal"),
        begin_lsn=base.get("begin_lsn"),
        end_lsn=base.get("end_lsn"),
        timeline=base.get("timeline"),
        compression=base.get("compression"),
        encryption=base.get("encryption"),
        error=str(shown.get("error") or ""),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone() if text else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
