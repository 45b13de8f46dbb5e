"""Reads who the server is, all its settings, and how its connections are encrypted; no Flask, no session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg2.extensions import connection

from dashboard.health.connection import fetch, probe_connection
from dashboard.health.masking import mask_secrets

SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True)
class Identity:
    """Which server answered, and how it writes its log."""

    cluster_name: str | None
    port: str
    data_directory: str | None
    system_id: str
    tls: bool
    log_line_prefix: str
    log_timezone: str
    collects_log: bool
    in_recovery: bool

    @property
    def name(self) -> str:
        """How people call it: its cluster_name, else its port."""
        return self.cluster_name or f"port {self.port}"


@dataclass(frozen=True)
class Encryption:
    """Connections: encrypted, open over the network, or on the machine itself (`here`)."""

    total: int
    encrypted: int
    open: int
    here: int
    versions: list[str]
    open_by: list[str]


@dataclass(frozen=True)
class SettingState:
    """A setting as it holds for everybody; secrets are blanked."""

    name: str
    value: str
    unit: str
    source: str
    source_file: str
    pending_restart: bool


@dataclass(frozen=True)
class Change:
    """A setting that differs between two readings; None: it was, or is, not there."""

    name: str
    old: str | None
    new: str | None
    unit: str
    source: str
    source_file: str
    pending_restart: bool


def read_identity(url: str) -> tuple[Identity, Encryption]:
    """Read who answers and how its connections are encrypted. Raises ProbeError."""
    with probe_connection(url) as link:
        return identity_on(link), fetch(link, SQL / "encryption.sql", Encryption)[0]


def identity_on(link: connection) -> Identity:
    """Read who answers a connection."""
    return fetch(link, SQL / "identity.sql", Identity)[0]


def read_settings(url: str) -> tuple[Identity, list[SettingState]]:
    """Read all settings that hold for everybody. Raises ProbeError."""
    with probe_connection(url, statement_ms=10_000) as link:
        rows = fetch(link, SQL / "all_settings.sql", SettingState)
        return identity_on(link), [replace(row, value=mask_secrets(row.value)) for row in rows]


def differences(before: Sequence[Mapping[str, object]], now: Sequence[SettingState]) -> list[Change]:
    """Compare two readings of settings; the earlier one as it was stored."""
    old = {str(row["name"]): row for row in before}
    new = {row.name: row for row in now}
    changes = [
        _change(row, old.get(name))
        for name, row in new.items()
        if name not in old
        or row.value != old[name]["value"]
        or row.pending_restart != old[name]["pending_restart"]
    ]
    gone = [
        Change(name, str(row["value"]), None, str(row["unit"]), "", "", pending_restart=False)
        for name, row in old.items()
        if name not in new
    ]
    return sorted([*changes, *gone], key=lambda change: change.name)


def _change(row: SettingState, old: Mapping[str, object] | None) -> Change:
    was = str(old["value"]) if old else None
    return Change(row.name, was, row.value, row.unit, row.source, row.source_file, row.pending_restart)
