"""Owns the conditions of alert rules: functions of the features that judge what is stored, and ask nobody."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Breach:
    """What is wrong now: `subject` tells several of one rule apart, `reason` is a sentence with figures."""

    subject: str
    reason: str


@dataclass(frozen=True)
class Unknown:
    """The condition cannot know; `reason` says why, `since` when it last knew (None: it never did)."""

    reason: str
    since: datetime | None = None


@dataclass(frozen=True)
class Watch:
    """What a condition is given: the time, and the limit of its rule (0 where the rule has none).

    `is_back`: nobody had judged the rules for a while.
    """

    now: datetime
    limit: float = 0
    is_back: bool = False


Answer = Sequence[Breach] | Unknown
Function = Callable[[Watch], Answer]


@dataclass(frozen=True)
class Condition:
    """A condition as declared; `every` is how often, in seconds, what it judges is read anew.

    0 means rows that are written when the thing happens.
    """

    key: str
    function: Function
    every: int


_conditions: dict[str, Condition] = {}


def condition(key: str, *, every: int) -> Callable[[Function], Function]:
    """Register a function as the condition of the rule with this key."""

    def register(function: Function) -> Function:
        known = _conditions.get(key)
        if known and known.function.__module__ != function.__module__:
            raise ValueError(
                f"condition {key} is declared twice: {known.function.__module__}, {function.__module__}"
            )
        _conditions[key] = Condition(key, function, every)
        return function

    return register


def all_conditions() -> dict[str, Condition]:
    """Every declared condition by key."""
    return dict(_conditions)


def import_conditions() -> None:
    """Import every feature's `alerting.py`, so that all conditions are known."""
    for path in sorted(PACKAGE.glob("*/**/alerting.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        importlib.import_module(".".join(parts))
