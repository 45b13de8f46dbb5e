"""The list of promises: every clause of the database strategy as a check that says how it stands, and why.

A clause is a function in `clauses/`. It reads only what the control database holds, so that the page answers
with the ERP away, and it says "unknown" rather than guess.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from dashboard.compliance.facts import Facts
from dashboard.core.errors import NotFoundError
from dashboard.settings.registry import Definition, declare, list_definitions

SWITCHES = "Promises"
CLAUSES = Path(__file__).with_name("clauses")


class State(StrEnum):
    """How a promise stands. Unknown is never good; attested means a person answers for it, not a server."""

    KEPT = "kept"
    AT_RISK = "at_risk"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    ATTESTED = "attested"
    NOT_PROMISED = "not_promised"

    @property
    def is_good(self) -> bool:
        """Whether nobody needs to do anything."""
        return self in {State.KEPT, State.ATTESTED, State.NOT_PROMISED}


class Area(StrEnum):
    """The chapters of the page, in its order."""

    BACKUPS = "Backups and restores"
    STANDBYS = "Standbys and failover"
    SECURITY = "Encryption and access"
    TENANTS = "Tenants and history"
    OPERATIONS = "Running it"


@dataclass(frozen=True)
class Link:
    """Where the evidence is shown."""

    endpoint: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a check found. `value` is what holds now, `reason` why it is not kept ('' when it is).

    The evidence counts for `good_for`; after that the promise is at risk, and broken after `lost_after`.
    """

    state: State
    value: str = ""
    reason: str = ""
    evidence_at: datetime | None = None
    evidence: str = ""
    link: Link | None = None
    good_for: timedelta | None = None
    lost_after: timedelta | None = None

    def but(self, state: State, reason: str) -> "Verdict":
        """The same findings with another state."""
        return replace(self, state=state, reason=reason)


Check = Callable[[Facts], Verdict]


@dataclass(frozen=True)
class Promise:
    """One clause. `title` is the promise in words; {figure} is the value of `setting`.

    The setting's owner answers for it. Without a setting of its own a clause has a switch, so that the
    business can say, with a name, that it does not promise it. `job` proves it again; one acts on `page`.
    """

    key: str
    area: Area
    title: str
    check: Check
    why: str
    fix: str
    page: str
    setting: str
    job: str = ""
    proof: str = ""
    is_attested: bool = False

    @property
    def has_switch(self) -> bool:
        """Whether its setting says that it is promised at all."""
        return self.setting == switch_of(self.key)


_promises: dict[str, Promise] = {}


def switch_of(key: str) -> str:
    """The setting that says whether a clause without a figure is promised."""
    return f"promises.{key}"


def promise(  # a clause is what it is
    key: str,
    *,
    area: Area,
    title: str,
    why: str,
    fix: str,
    page: str,
    setting: str = "",
    job: str = "",
    proof: str = "",
    is_attested: bool = False,
    is_on: bool = True,
) -> Callable[[Check], Check]:
    """Register a check as a promise; `is_on` is what its switch says until somebody changes it."""

    def register(check: Check) -> Check:
        known = _promises.get(key)
        if known and known.check.__module__ != check.__module__:
            raise ValueError(f"promise {key} is declared twice: {known.check.__module__}, {check.__module__}")
        if not setting:
            _declare_switch(key, title, is_on=is_on)
        _promises[key] = Promise(
            key,
            area,
            title,
            check,
            why,
            fix,
            page,
            setting or switch_of(key),
            job,
            proof,
            is_attested,
        )
        return check

    return register


def _declare_switch(key: str, title: str, *, is_on: bool) -> None:
    words = "1: promised. 0: not promised; say in the note why, and who decided it."
    declare(Definition(switch_of(key), SWITCHES, title, int(is_on), least=0, most=1, text=words))


def import_clauses() -> None:
    """Import every file of clauses, so that pages and jobs know all promises."""
    for path in sorted(CLAUSES.glob("*.py")):
        if path.stem != "__init__":
            importlib.import_module(f"dashboard.compliance.clauses.{path.stem}")


def list_promises() -> list[Promise]:
    """All promises, chapter by chapter, in the order they were declared."""
    areas = list(Area)
    return sorted(_promises.values(), key=lambda one: areas.index(one.area))


def get_promise(key: str) -> Promise:
    """One promise. Raises NotFoundError."""
    if key not in _promises:
        raise NotFoundError(f"There is no promise called {key}.")
    return _promises[key]


def figures() -> list[str]:
    """The settings that promises quote: what the business must have confirmed."""
    declared = {definition.key for definition in list_definitions()}
    quoted = dict.fromkeys(one.setting for one in list_promises() if not one.has_switch)
    return [key for key in quoted if key in declared]
