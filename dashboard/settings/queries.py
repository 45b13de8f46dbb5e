"""Reads settings: the value that holds, and who answers for it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.settings.models import Setting
from dashboard.settings.registry import Definition, definition_of, list_definitions

CONFIRM_EVERY = timedelta(days=365)
CONFIRMED, OLD, UNCONFIRMED = "confirmed", "overdue", "unverified"


@dataclass(frozen=True)
class Held:
    """One setting as it holds now; `row` is None while nobody changed or confirmed it."""

    definition: Definition
    row: Setting | None

    @property
    def value(self) -> Any:
        """What somebody set, else the default."""
        return self.definition.default if self.row is None else self.row.value

    @property
    def text(self) -> str:
        """The value as people write it."""
        return self.definition.show(self.value)

    @property
    def is_default(self) -> bool:
        """Whether it is what the product comes with."""
        return bool(self.value == self.definition.default)

    @property
    def version(self) -> int:
        """What a save must know, 0 before the first."""
        return self.row.version if self.row else 0

    @property
    def confirmed_on(self) -> date | None:
        """When the business last agreed to it."""
        return self.row.confirmed_on if self.row else None

    @property
    def state(self) -> str:
        """Whether the business stands behind it: confirmed, overdue (more than a year ago), unverified."""
        if self.confirmed_on is None:
            return UNCONFIRMED
        return OLD if datetime.now(UTC).date() - self.confirmed_on > CONFIRM_EVERY else CONFIRMED


def value(key: str) -> Any:
    """Return the value of a setting that holds now. Raises NotFoundError for one nobody declared."""
    return get_setting(key).value


def length(key: str) -> timedelta:
    """Return a setting that is a length of time."""
    return timedelta(seconds=value(key))


def get_setting(key: str) -> Held:
    """Return one setting. Raises NotFoundError."""
    return Held(definition_of(key), db.session.get(Setting, key))


def list_settings() -> list[Held]:
    """Return every declared setting, by area."""
    rows = {row.key: row for row in db.session.scalars(select(Setting))}
    return [Held(definition, rows.get(definition.key)) for definition in list_definitions()]
