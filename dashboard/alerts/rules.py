"""Reads `rules.toml`: what is watched, how long a breach must last, what it means and what to do."""

import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dashboard.core.filters import bytes_, duration, number, percent
from dashboard.settings import queries as settings

FILE = Path(__file__).with_name("rules.toml")
SEVERITIES = ("critical", "warning")
CLEAR_SECONDS = 60
UNITS: Mapping[str, Callable[[float], str]] = {
    "seconds": duration,
    "bytes": bytes_,
    "share": lambda value: percent(value, 0),
    "days": lambda value: "1 day" if value == 1 else f"{value:g} days",
    "": number,
}
WORDS = ("key", "title", "breach", "means", "fix", "runbook", "page")


class RulesError(Exception):
    """The file of rules is wrong; the message names the rule and what it lacks."""


@dataclass(frozen=True)
class Rule:
    """One rule. `limit` is a number in `unit` (seconds, bytes, share or ''), or `setting` names where it is.

    A breach fires after `for_seconds`, and clears when none was seen for `clear_seconds`. `page` is the
    endpoint where one acts, `runbook` a file under docs/ with its heading behind #.
    """

    key: str
    title: str
    severity: str
    for_seconds: int
    breach: str
    means: str
    fix: str
    runbook: str
    page: str
    clear_seconds: int = CLEAR_SECONDS
    limit: float | None = None
    setting: str = ""
    unit: str = ""

    def threshold(self) -> float:
        """Return the limit, as set by the business where it is a setting; 0 when the rule has none."""
        return float(settings.value(self.setting)) if self.setting else self.limit or 0

    def watched(self) -> str:
        """Return in words what counts as a breach."""
        return self.breach.format(limit=UNITS[self.unit](self.threshold()))


def load(path: Path = FILE) -> dict[str, Rule]:
    """Read the rules by key, in the order of the file. Raises RulesError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RulesError(f"{path.name} cannot be read: {error}") from error
    rules = [_rule(number, entry) for number, entry in enumerate(content.get("rule", []), start=1)]
    found = {rule.key: rule for rule in rules}
    if len(found) < len(rules):
        keys = [rule.key for rule in rules]
        raise RulesError(f"rule {next(key for key in keys if keys.count(key) > 1)} is there twice")
    return found


def _rule(number: int, entry: Mapping[str, Any]) -> Rule:
    name = str(entry.get("key") or f"number {number}")
    known = {field.name for field in fields(Rule)}
    if strange := sorted(entry.keys() - known):
        raise RulesError(f"rule {name}: nothing is called {', '.join(strange)} here")
    if missing := [word for word in WORDS if not str(entry.get(word, "")).strip()]:
        raise RulesError(f"rule {name}: {', '.join(missing)} is missing or empty")
    if entry.get("severity") not in SEVERITIES:
        raise RulesError(f"rule {name}: severity is {' or '.join(SEVERITIES)}")
    for word in ("for_seconds", "clear_seconds"):
        if not isinstance(entry.get(word, 0), int) or entry.get(word, 0) < 0:
            raise RulesError(f"rule {name}: {word} is a whole number of seconds")
    if entry.get("unit", "") not in UNITS:
        raise RulesError(f"rule {name}: there is no unit {entry['unit']}")
    return Rule(**{"for_seconds": 0, **entry})


def check(rules: Mapping[str, Rule], conditions: Collection[str]) -> None:
    """See that each rule has its condition and each condition its rule. Raises RulesError."""
    if lacking := sorted(rules.keys() - set(conditions)):
        raise RulesError(f"no feature declares the condition of {', '.join(lacking)}")
    if idle := sorted(set(conditions) - rules.keys()):
        raise RulesError(f"conditions without a rule in {FILE.name}: {', '.join(idle)}")
