"""Reads the settings of all servers every half minute and stores how they compare with the strategy."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from psycopg2.extensions import parse_dsn

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError, libpq_url
from dashboard.health.judging import OK, RANK
from dashboard.health.service import store_reading
from dashboard.replication.checking import NAMES, Case, Check, check
from dashboard.replication.members import UNNAMED
from dashboard.replication.settings_probes import ServerSettings, read_settings
from dashboard.replication.synchronous.wanted import wanted

READING = "replication.settings"
EVERY_SECONDS = 30
PRIMARY, STANDBY, UNKNOWN = "primary", "standby", "unknown"


def login_of(settings: Settings) -> str:
    """Return the login by which Steward changes for whom commits wait."""
    return str(parse_dsn(libpq_url(settings.database_direct_url)).get("user", ""))


def review(settings: Settings) -> dict[str, str]:
    """Read and check all servers, store it; return the worst level by server."""
    targets = {member.name: member.url for member in settings.members}
    if not settings.primary:
        targets = {UNNAMED: settings.database_monitor_url, **targets}
    login = login_of(settings)
    with ThreadPoolExecutor(max_workers=max(len(targets), 1)) as pool:
        answers = dict(zip(targets, pool.map(lambda url: _read(url, login), targets.values()), strict=True))
    servers = [_server(name, answers, settings) for name in targets]
    primary = next((row for row in servers if row["role"] == PRIMARY), None)
    data = {"servers": servers, "login": login, "may_apply": primary["may_apply"] if primary else None}
    store_reading(READING, data, every=EVERY_SECONDS)
    return {row["name"]: row["level"] for row in servers}


def _read(url: str, login: str) -> ServerSettings | str:
    try:
        return read_settings(url, NAMES, login)
    except ProbeError as error:
        return str(error)


def _server(name: str, answers: dict[str, ServerSettings | str], settings: Settings) -> dict[str, Any]:
    own = answers[name]
    if isinstance(own, str):
        return {
            "name": name,
            "role": UNKNOWN,
            "error": own,
            "level": "unknown",
            "checks": [],
            "may_apply": None,
        }
    known = {key: row for key, row in answers.items() if not isinstance(row, str)}
    leader, of_leader = next(
        ((key, row) for key, row in known.items() if not row.in_recovery), (UNNAMED, None)
    )
    standbys = len(answers) - 1
    names = wanted(settings.members, leader).names
    case = Case(name, own, standbys, names, of_leader if own.in_recovery else None)
    checks = check(case)
    return {
        "name": name,
        "role": STANDBY if own.in_recovery else PRIMARY,
        "error": "",
        "level": worst(checks),
        "checks": [asdict(row) for row in checks],
        "may_apply": own.may_apply,
    }


def worst(checks: list[Check]) -> str:
    """Return the most severe level."""
    return max((row.level for row in checks), key=RANK.__getitem__, default=OK)
