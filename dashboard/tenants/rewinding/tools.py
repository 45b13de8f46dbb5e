"""Runs pg_dump and pg_restore so that they can be cancelled; no password stands in a command line."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from sqlalchemy.engine import make_url

from dashboard.core.errors import DashboardError

POLL_SECONDS = 0.2
STOP_SECONDS = 5.0
LAST_LINES = 4

Tick = Callable[[], None]


class ToolError(DashboardError):
    """A program of PostgreSQL failed; the message carries its last words."""


@dataclass(frozen=True)
class Tools:
    """The folder of PostgreSQL's programs, and what is asked while one of them runs."""

    folder: Path
    tick: Tick

    def run(self, name: str, *arguments: str, environment: Mapping[str, str]) -> None:
        """Run a program to its end. Raises ToolError; what `tick` raises ends the program first."""
        with TemporaryFile() as words:
            program = subprocess.Popen(
                [str(self.folder / name), *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
            )
            try:
                self._wait(program)
            finally:
                _end(program)
            if program.returncode:
                words.seek(0)
                lines = words.read().decode(errors="replace").strip().splitlines()
                raise ToolError(f"{name} failed: {' '.join(lines[-LAST_LINES:])}")

    def _wait(self, program: "subprocess.Popen[bytes]") -> None:
        while True:
            try:
                program.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                self.tick()
            else:
                return


def _end(program: "subprocess.Popen[bytes]") -> None:
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait(STOP_SECONDS)


def libpq_environment(url: str, application: str, sslmode: str = "") -> dict[str, str]:
    """Return the variables that lead libpq to a database; `application` names its sessions."""
    parts = make_url(url)
    values = {
        "PGHOST": parts.host or str(parts.query.get("host", "")),
        "PGPORT": str(parts.port or parts.query.get("port", "")),
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.database,
        "PGTARGETSESSIONATTRS": parts.query.get("target_session_attrs"),
        "PGSSLMODE": sslmode,
        "PGAPPNAME": application,
        "PGCONNECT_TIMEOUT": "10",
    }
    given = {name: str(value) for name, value in values.items() if value}
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **given}


def options_of(*sections: str) -> Sequence[str]:
    """The options of pg_restore that load some sections as one transaction, owned by whoever loads."""
    return ("--no-owner", "--exit-on-error", "--single-transaction", *(f"--section={s}" for s in sections))
