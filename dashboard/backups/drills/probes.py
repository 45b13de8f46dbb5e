"""Looks at a restored server with PostgreSQL's own tools: pg_amcheck, and pg_checksums at the end."""

import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor

from dashboard.backups.drills.evidence import Answer, DrillBrokenError, file_in
from dashboard.servers.accounts import Account, popen_options
from dashboard.servers.process import tool_environment

Tick = Callable[[], None]
POLL_SECONDS = 0.2
CORRUPT = 2  # pg_amcheck's exit status when it found something
SHOWN = 5
RELATION = re.compile(r'(?:table|index) "([^"]+)"')
BAD_PAGE = re.compile(r'checksum verification failed in file "([^"]+)", block (\d+)')


@dataclass(frozen=True)
class Tools:
    """Where the programs are, whom they run as, in which folder."""

    bin: Path
    folder: Path
    account: Account | None


@dataclass(frozen=True)
class Said:
    """How a tool ended and what it said."""

    status: int
    words: str


def run_tool(tools: Tools, argv: Sequence[str], tick: Tick) -> Said:
    """Run a tool to its end; `tick` is called meanwhile and may raise, which ends the tool."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                [str(tools.bin / argv[0]), *argv[1:]],
                cwd=tools.folder,
                env=tool_environment(tools.folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **popen_options(tools.account),
            )
        except OSError as error:
            raise DrillBrokenError(f"{argv[0]} cannot be run: {error.strerror}") from error
        try:
            while process.poll() is None:
                tick()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        return Said(process.returncode, output.read().decode(errors="replace"))


def check_server(at: cursor) -> Answer:
    """It takes connections and has left recovery."""
    at.execute("SELECT pg_is_in_recovery(), version(), pg_postmaster_start_time()")
    is_recovering, version, _started = at.fetchone() or (True, "", None)
    if is_recovering:
        return Answer(["the server is still in recovery"])
    return Answer(detail=" ".join(version.split()[:2]))


def read_end(at: cursor) -> int:
    """Return the position, in bytes, at which the server left the timeline that was restored.

    It is the last line of the history file of its own timeline. Raises psycopg2.Error.
    """
    at.execute("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")
    (timeline,) = at.fetchone() or ("",)
    at.execute("SELECT pg_read_file(%s)", (f"pg_wal/{timeline}.history",))
    (history,) = at.fetchone() or ("",)
    lines = [line.split("\t") for line in history.splitlines() if line[:1].isdigit()]
    high, low = lines[-1][1].split("/")
    return (int(high, 16) << 32) + int(low, 16)


def check_checksums(at: cursor) -> Answer:
    """Data checksums are on, so that a damaged page is noticed when it is read."""
    at.execute("SELECT current_setting('data_checksums')")
    row = at.fetchone()
    if row and row[0] == "on":
        return Answer(detail="a damaged page is noticed when it is read")
    return Answer(["data checksums are off: damaged pages are read as if they were good"])


def check_everything(tools: Tools, host: str, user: str, port: int, jobs: int, tick: Tick) -> Answer:
    """Every table and index of every database is sound, and each index finds every row (pg_amcheck)."""
    begun = time.monotonic()
    where = [f"--host={host}", f"--port={port}", f"--username={user}", f"--jobs={jobs}"]
    said = run_tool(
        tools, ["pg_amcheck", *where, "--no-password", "--all", "--install-missing", "--heapallindexed"], tick
    )
    if said.status == 0:
        return Answer(detail=f"no finding in {time.monotonic() - begun:.1f} s")
    if said.status != CORRUPT:
        raise DrillBrokenError(f"pg_amcheck ended with {said.status}: {_last(said.words)}")
    findings = [line.strip() for line in said.words.splitlines() if line.strip()]
    return Answer(findings[: 2 * SHOWN], file=file_in(said.words))


def relation_in(answer: Answer) -> tuple[str, str, str] | None:
    """Return database, schema and name of the first relation that pg_amcheck complains of."""
    named = RELATION.search(" ".join(answer.problems))
    parts = named[1].split(".") if named else []
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None  # as named


def file_of(at: cursor, schema: str, name: str) -> str:
    """Return the file of a relation in the data folder."""
    at.execute(
        sql.SQL("SELECT pg_relation_filepath({}::regclass)").format(
            sql.Literal(f'"{schema}"."{name}"'),
        )
    )
    row = at.fetchone()
    return str(row[0] or "") if row else ""


def check_pages(tools: Tools, data: Path, tick: Tick) -> Answer:
    """Every page of every file carries its checksum, those no query has read too (server stopped)."""
    said = run_tool(tools, ["pg_checksums", "--check", "-D", str(data)], tick)
    if bad := BAD_PAGE.findall(said.words):
        files = [path.removeprefix(f"{data}/") for path, _block in bad]
        named = [f"{file}, block {block}" for file, (_path, block) in zip(files, bad, strict=True)]
        words = f"{len(bad)} pages do not match their checksum: {'; '.join(named[:SHOWN])}"
        return Answer([words], file=files[0])
    if said.status != 0:
        if "not enabled" in said.words:
            return Answer(skipped="Data checksums are off.")
        raise DrillBrokenError(f"pg_checksums ended with {said.status}: {_last(said.words)}")
    blocks = re.search(r"Blocks scanned:\s+(\d+)", said.words)
    return Answer(detail=f"{int(blocks[1]):,} pages read" if blocks else "")


def _last(words: str) -> str:
    return " ".join(words.strip().splitlines()[-3:])
