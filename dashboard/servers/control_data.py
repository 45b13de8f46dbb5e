"""What a data folder says of itself while its server is down: how it ended, where, on which timeline."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dashboard.servers.accounts import Account
from dashboard.servers.process import run_tool

SHUT_DOWN = ("shut down", "shut down in recovery")
HISTORY = re.compile(r"^([0-9A-F]{8})\.history$")


@dataclass(frozen=True)
class ControlData:
    """From pg_control and pg_wal. `position` in bytes of WAL: the last checkpoint, or where recovery got to.

    `timeline` counts history files too: right after a promotion pg_control still tells the old one.
    """

    state: str
    timeline: int
    position: int

    @property
    def is_clean(self) -> bool:
        """Whether the server was shut down in order, as a primary: nothing it wrote is unaccounted for."""
        return self.state == SHUT_DOWN[0]


def read_control_data(folder: Path, bin_folder: Path, account: Account | None) -> ControlData:
    """Read a data folder; a running server's is as of its last checkpoint. Raises ServerError."""
    shown = run_tool(
        [os.fspath(bin_folder / "pg_controldata"), "-D", os.fspath(folder)],
        folder.parent,
        account,
        timeout=30,
    )
    pairs = (line.partition(":") for line in shown.splitlines())
    found = {key.strip(): value.strip() for key, _, value in pairs}
    recovered = position_of(found.get("Minimum recovery ending location", "0/0"))
    return ControlData(
        found.get("Database cluster state", ""),
        max(
            int(found.get("Latest checkpoint's TimeLineID", "1")),
            int(found.get("Min recovery ending loc's timeline", "0")),
            _newest_history(folder / "pg_wal"),
        ),
        max(position_of(found.get("Latest checkpoint location", "0/0")), recovered),
    )


def _newest_history(wal: Path) -> int:
    """Return the highest timeline that pg_wal knows the history of; 0 when none."""
    matches = (HISTORY.match(path.name) for path in wal.iterdir()) if wal.is_dir() else ()
    return max((int(match[1], 16) for match in matches if match), default=0)


def position_of(lsn: str) -> int:
    """Return an LSN such as 0/3000028 in bytes."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_of(position: int) -> str:
    """Return bytes of WAL as PostgreSQL writes them."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
