"""Knows the probes of each tier, SQL files chosen by version and role, and what a round of them gives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.metrics.folding import FOLDS, Fold

SQL = Path(__file__).with_name("sql")
FAST, MINUTE, QUARTER = "10s", "1min", "15min"
TIERS = {FAST: 10, MINUTE: 60, QUARTER: 900}  # seconds between two rounds
STATEMENT_MS = {FAST: 1_000, MINUTE: 2_000, QUARTER: 30_000}
BUDGET_MS = {FAST: 5.0, MINUTE: 50.0, QUARTER: 1_000.0}
ANY, PRIMARY, STANDBY = "all", "primary", "standby"
HEADER = re.compile(r"^-- tier: (\w+), versions: (\d+)-(\d*), roles: (all|primary|standby)$")
# A counter's column ends so; its rate per second is multiplied by it.
COUNTED = {"/s": 1.0, "/min": 60.0}
SPECIAL = {"reset_at", "cost_ms"}


class RoundError(Exception):
    """A server did not answer at all; the message is one line for people."""


@dataclass(frozen=True)
class Probe:
    """One SQL file and the servers it is for. A column is a series; ending in /s or /min it is a counter."""

    name: str
    tier: str
    oldest: int
    newest: int | None
    role: str
    statement: str
    fold: Fold | None = None

    def fits(self, version: int, *, in_recovery: bool) -> bool:
        """Whether a server of this major version and role is asked."""
        is_version = self.oldest <= version and (self.newest is None or version <= self.newest)
        return is_version and self.role in {ANY, STANDBY if in_recovery else PRIMARY}


@dataclass(frozen=True)
class Counter:
    """A figure that only grows until it is reset; `times` is what its rate per second is multiplied by."""

    value: float
    times: float
    reset_at: str


@dataclass
class Round:
    """What one server answered; `costs` are milliseconds of server time by probe."""

    version: str
    in_recovery: bool
    started_at: datetime
    clock_at: datetime
    figures: dict[str, float | None] = field(default_factory=dict)
    counters: dict[str, Counter] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    connect_ms: float = 0.0
    wall_ms: float = 0.0

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    @property
    def cost_ms(self) -> float:
        """Server time of all probes together."""
        return sum(self.costs.values())


@cache
def list_probes(tier: str) -> tuple[Probe, ...]:
    """Return every probe of a tier, whatever version it is for. Raises ValueError for a wrong header."""
    return tuple(_read(path) for path in sorted((SQL / tier).glob("*.sql")))


def _read(path: Path) -> Probe:
    header, _, statement = path.read_text(encoding="utf-8").partition("\n")
    found = HEADER.match(header)
    if found is None or found[1] != path.parent.name:
        raise ValueError(f"{path.name}: the first line names tier, versions and roles")
    newest = int(found[3]) if found[3] else None
    sums = FOLDS.get(path.stem)
    return Probe(_topic(path.stem), found[1], int(found[2]), newest, found[4], statement, sums)


def _topic(stem: str) -> str:
    """Return a probe's name without the version it begins with, so that its cost stays one series."""
    return re.sub(r"_\d+$", "", stem)


def choose(tier: str, version: int, *, in_recovery: bool) -> list[Probe]:
    """Return the probes of a tier for a server."""
    return [probe for probe in list_probes(tier) if probe.fits(version, in_recovery=in_recovery)]


def take(found: Round, probe: str, row: Mapping[str, Any]) -> None:
    """Sort a row's columns into figures and counters."""
    reset_at = str(row.get("reset_at") or "")
    found.costs[probe] = float(row["cost_ms"])
    for column, value in row.items():
        if column in SPECIAL:
            continue
        name, times = series_of(column)
        if times is None:
            found.figures[name] = None if value is None else float(value)
        elif value is not None:
            found.counters[name] = Counter(float(value), times, reset_at)
        else:
            found.figures[name] = None


def series_of(column: str) -> tuple[str, float | None]:
    """Return a column's series and, of a counter, what its rate per second is multiplied by."""
    for ending, times in COUNTED.items():
        if column.endswith(ending):
            return column.removesuffix(ending), times
    return column, None


def columns_of(probe: Probe) -> list[str]:
    """Return the columns of a probe that are series."""
    return list(probe.fold or re.findall(r'AS "([^"]+)"', probe.statement))


def series_names(tier: str, version: int, *, in_recovery: bool) -> list[str]:
    """Return the names of the series a tier gives on a server of this version and role."""
    probes = choose(tier, version, in_recovery=in_recovery)
    return [series_of(column)[0] for probe in probes for column in columns_of(probe)]
