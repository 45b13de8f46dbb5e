"""Asks whether the standbys keep up, so that a data change waits for them. No Flask, no queue, no session."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.health.connection import ProbeError, fetch, probe_connection

SQL = Path(__file__).with_name("sql")
READ_SECONDS = 2.0
LAG_BYTES = 64 * 1024 * 1024  # replayed in about a second; what it means for reads is shown on Replication


@dataclass(frozen=True)
class _Lag:
    standby: str
    bytes: int


@dataclass
class Standbys:
    """The standbys behind the primary at `url` (the monitor's login), read every other second."""

    url: str
    limit: int = LAG_BYTES
    _read_at: float = field(default=float("-inf"))
    _late: str = ""

    def late(self) -> str:
        """Say which standby is too far behind; '' when all keep up, or nobody can say."""
        if time.monotonic() - self._read_at >= READ_SECONDS:
            self._late = self._read()
            self._read_at = time.monotonic()
        return self._late

    def _read(self) -> str:
        try:
            with probe_connection(self.url) as link:
                lags = fetch(link, SQL / "lag.sql", _Lag)
        except ProbeError:
            return ""  # the replication pages raise the alarm; a data change does not depend on it
        worst = max(lags, key=lambda lag: lag.bytes, default=None)
        if worst is None or worst.bytes <= self.limit:
            return ""
        return f"{worst.standby} is {worst.bytes // 1_000_000} MB behind"
