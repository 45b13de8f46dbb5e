"""Owns the declaration of a workflow: its steps, what must hold before each, and what a person is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal

from sqlalchemy.orm import Session

Values = Mapping[str, Any]
Effect = Callable[[Session, Any, Values], None]


@dataclass(frozen=True)
class Guard:
    """What must hold before a step. `check` returns what is wrong, '' where nothing is.

    `fix` says how to mend it; `field` names the asked field that can mend it on the page itself.
    """

    name: str
    check: Callable[[Session, Any, Values], str]
    fix: str
    field: str = ""


@dataclass(frozen=True)
class Problem:
    """A guard that does not hold now."""

    guard: str
    message: str
    fix: str
    field: str = ""


@dataclass(frozen=True)
class Ask:
    """A field a person fills in for a step; a stored one is a column, written with the status.

    A tick is set when the page is opened; its value is whether it still is.
    """

    key: str
    label: str
    kind: Literal["text", "long_text", "moment", "tick"] = "long_text"
    required: bool = False
    help: str = ""
    stored: bool = True

    def read(self, text: object, zone: tzinfo) -> tuple[Any, str]:
        """The value of what was typed, and what is wrong with it."""
        if isinstance(text, datetime):
            return text, ""
        if self.kind == "tick":
            return bool(text), ""
        typed = str(text or "").replace("\x00", "").strip()
        if not typed:
            return None, "This is required." if self.required else ""
        if self.kind != "moment":
            return typed, ""
        try:
            moment = datetime.fromisoformat(typed)
        except ValueError:
            return None, "This is no date and time such as 2026-03-05 14:30."
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)), ""


@dataclass(frozen=True)
class Transition:
    """One step: from which states, to which state (None keeps it), after which guards.

    `before` changes the record, still in its old state, in the same write as the status; `after` follows in
    the same transaction.
    `means` are sentences that say what will happen. An automatic step has no button.
    """

    name: str
    label: str
    sources: frozenset[str]
    target: str | None
    guards: tuple[Guard, ...] = ()
    asks: tuple[Ask, ...] = ()
    before: Effect | None = None
    after: Effect | None = None
    means: tuple[str, ...] = ()
    icon: str = ""
    style: str = ""
    permission: str = ""
    automatic: bool = False
    offered: Callable[[Any], bool] | None = None
    """Whether the button is shown at all on this record; None: in every source state."""


@dataclass(frozen=True)
class Workflow:
    """All steps of an entity, in the order of their buttons."""

    entity: str
    noun: str
    model: type[Any]
    steps: tuple[Transition, ...]

    def find(self, name: str) -> Transition | None:
        """The step of a name."""
        return next((step for step in self.steps if step.name == name), None)

    def permission(self, step: Transition) -> str:
        """The permission a step needs."""
        return step.permission or f"records.{self.entity}.{step.name}"

    def offered(self, record: Any) -> list[Transition]:
        """The steps a person may be offered in the record's state."""
        return [
            step
            for step in self.steps
            if record.status in step.sources
            and not step.automatic
            and (step.offered is None or step.offered(record))
        ]
