"""Reads the settings of a server that replication, failover and restores depend on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dashboard.health.connection import fetch, probe_connection

SQL = Path(__file__).with_name("sql")
PARAMETER_RIGHTS = 150_000  # GRANT … ON PARAMETER came with PostgreSQL 15


@dataclass(frozen=True)
class Parameter:
    """One setting as pg_settings has it: the value in `unit`; `context` says how a change takes hold."""

    name: str
    setting: str
    unit: str
    context: str
    pending_restart: bool


@dataclass(frozen=True)
class ServerSettings:
    """The settings of one server. `may_apply`: whether the login may change for whom commits wait."""

    in_recovery: bool
    version: int
    parameters: dict[str, Parameter]
    may_apply: bool


@dataclass(frozen=True)
class _May:
    may: bool


def read_settings(url: str, names: Iterable[str], login: str) -> ServerSettings:
    """Read settings by name and the right of a login. Raises ProbeError."""
    with probe_connection(url) as link:
        with link.cursor() as at:
            at.execute("SELECT pg_is_in_recovery(), current_setting('server_version_num')::int")
            in_recovery, version = at.fetchone() or (False, 0)
        rows = fetch(link, SQL / "settings.sql", Parameter, {"names": list(names)})
        file = "right.sql" if version >= PARAMETER_RIGHTS else "right_14.sql"
        may = fetch(link, SQL / file, _May, {"login": login})[0].may
    return ServerSettings(in_recovery, version, {row.name: row for row in rows}, may)
