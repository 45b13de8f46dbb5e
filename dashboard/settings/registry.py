"""The declared settings: what each means, in which unit, its default and what it may be."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from croniter import croniter

from dashboard.core.errors import NotFoundError

Kind = Literal["number", "length", "cron", "choice", "text"]
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
PART = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*")
SPELLED = {"sec": "s", "second": "s", "minute": "min", "hour": "h", "day": "d"}


@dataclass(frozen=True)
class Definition:
    """One setting. A `length` is kept in seconds, a `cron` as its line (UTC), a `number` in `unit`.

    A `choice` is one of `choices`. `zero` is the word for a length of 0 that means something else: never.
    """

    key: str
    area: str
    title: str
    default: Any
    kind: Kind = "number"
    unit: str = ""
    least: int = 0
    most: int = 1_000_000_000
    text: str = ""
    choices: tuple[str, ...] = ()
    zero: str = ""

    def read(self, written: str) -> Any:
        """Return the value somebody wrote. Raises ValueError with a sentence for them."""
        written = written.strip()
        if self.kind == "cron":
            return _cron(written)
        if self.kind == "choice":
            return _one_of(written, self.choices)
        if self.kind == "text":
            return written
        if self.zero and written.lower() == self.zero:
            return 0
        value = _length(written) if self.kind == "length" else _whole(written)
        if not self.least <= value <= self.most:
            raise ValueError(f"It must lie between {self.show(self.least)} and {self.show(self.most)}.")
        return value

    def show(self, value: Any) -> str:
        """Return a value as people write it; `read` understands it again."""
        if self.kind == "length":
            return exact_length(int(value)) if value or not self.zero else self.zero
        unit = self.unit.removesuffix("s") if value == 1 else self.unit
        return f"{value} {unit}".strip() if self.kind == "number" else str(value)

    def write(self, value: Any) -> str:
        """Return a value for the input: without its unit, which stands beside it."""
        return self.show(value) if self.kind == "length" else str(value)


def exact_length(seconds: int) -> str:
    """Write seconds with every unit that is needed: 5400 → 1 h 30 min."""
    parts = []
    for name, size in sorted(UNITS.items(), key=lambda unit: -unit[1]):
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {name}"] if count else []
    return " ".join(parts) or "0 s"


def _one_of(written: str, choices: tuple[str, ...]) -> str:
    if written.lower() not in choices:
        raise ValueError(f"Write one of: {', '.join(choices)}.")
    return written.lower()


def _whole(written: str) -> int:
    try:
        return int(written.replace(",", ""))
    except ValueError as error:
        raise ValueError("Write a whole number.") from error


def _length(written: str) -> int:
    """Read `3600`, `1 h`, `1 h 30 min`, `90 minutes`."""
    if written.isdigit():
        return int(written)
    plain = re.sub(
        r"(sec|second|minute|hour|day)s?\b", lambda found: SPELLED[found[1]], written.lower().replace(",", "")
    )
    parts = PART.findall(plain)
    if not parts or PART.sub("", plain).strip():
        raise ValueError("Write a length of time such as 90 min, 1 h or 2 d.")
    return round(sum(float(count) * UNITS[unit] for count, unit in parts))


def _cron(written: str) -> str:
    line = " ".join(written.split())
    if len(line.split(" ")) != 5 or not croniter.is_valid(line):  # minute hour day month weekday
        raise ValueError("Write a cron line of five fields, for example 5 * * * * for every hour at :05.")
    return line


_DECLARED: dict[str, Definition] = {}
_LISTENERS: dict[str, list[Callable[[Any], None]]] = {}


def declare(*definitions: Definition) -> None:
    """Add settings; a feature does so when it is imported, so that web, workers and commands know them."""
    for definition in definitions:
        _DECLARED[definition.key] = definition


def definition_of(key: str) -> Definition:
    """Return the declaration of a setting. Raises NotFoundError."""
    try:
        return _DECLARED[key]
    except KeyError as error:
        raise NotFoundError(f"There is no setting called {key}.") from error


def list_definitions() -> list[Definition]:
    """Return all settings by area, in the order they were declared."""
    areas = list(dict.fromkeys(definition.area for definition in _DECLARED.values()))
    return sorted(_DECLARED.values(), key=lambda definition: areas.index(definition.area))


def when_changed(key: str, listener: Callable[[Any], None]) -> None:
    """Call `listener(value)` in the transaction that changes a setting, for what must follow at once."""
    _LISTENERS.setdefault(key, []).append(listener)


def tell(key: str, value: Any) -> None:
    """Let what depends on a setting follow its change."""
    for listener in _LISTENERS.get(key, []):
        listener(value)
