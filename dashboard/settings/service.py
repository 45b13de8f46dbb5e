"""Changes settings. Flushes; the view commits."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.settings.models import Setting
from dashboard.settings.queries import Held, get_setting
from dashboard.settings.registry import tell


@dataclass(frozen=True)
class Change:
    """What somebody wrote into the form; `version` is the one they had before them (0: the default)."""

    value: str
    owner: str = ""
    note: str = ""
    confirmed_on: date | None = None
    version: int = 0


def save(key: str, change: Change, *, actor: str) -> Held:
    """Store a setting and log it.

    Raises InvalidInputError (fields value, confirmed_on) and ConflictError when it changed meanwhile.
    """
    held = get_setting(key)
    value = _checked(held, change)
    if change.version != held.version:
        raise _changed_meanwhile(held)
    before = held.value
    row = held.row or Setting(key=key)
    row.value, row.owner, row.note = value, change.owner.strip(), change.note.strip()
    if row.confirmed_on != change.confirmed_on:
        row.confirmed_by = actor if change.confirmed_on else ""
    row.confirmed_on, row.changed_by = change.confirmed_on, actor
    _write(row, held)
    tell(key, value)
    confirmed = change.confirmed_on.isoformat() if change.confirmed_on else None
    record_operation("setting.change", key, actor=actor, before=before, after=value, confirmed_on=confirmed)
    return get_setting(key)


def _write(row: Setting, held: Held) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(row)
            db.session.flush()
    except (StaleDataError, IntegrityError) as error:
        raise _changed_meanwhile(held) from error


def _checked(held: Held, change: Change) -> Any:
    problems = {}
    value = None
    try:
        value = held.definition.read(change.value)
    except ValueError as error:
        problems["value"] = str(error)
    if change.confirmed_on and change.confirmed_on > datetime.now(UTC).date():
        problems["confirmed_on"] = "It cannot have been confirmed in the future."
    if change.confirmed_on and not change.owner.strip():
        problems["owner"] = "Name who answers for it on the business side."
    if problems:
        raise InvalidInputError("The setting was not saved.", fields=problems)
    return value


def _changed_meanwhile(held: Held) -> ConflictError:
    who = f" by {held.row.changed_by}" if held.row and held.row.changed_by else ""
    return ConflictError(
        f"{held.definition.title} was changed{who} while you edited it; it is {held.text} now.",
        fix="What you wrote is still in the form: look at the new value, then save again.",
    )
