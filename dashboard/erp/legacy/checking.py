"""Owns what a legacy row must be: each field is read on its own, so that one row tells all its faults."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

SHORT, LONG = 300, 100_000
MAX_NUMBER = Decimal(10) ** 12
RFQ_STATUS = {"draft": "draft", "open": "sent", "closed": "closed", "awarded": "awarded"}
QUOTE_STATUS = {"pending": "submitted", "accepted": "awarded", "rejected": "rejected"}
DIRECTIONS = {"agent": "outbound", "supplier": "inbound"}
_PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_CURRENCY = re.compile(r"[A-Z]{3}")


class FaultError(ValueError):
    """A field is not what it must be; the message says how, without the field's name."""


class Checked:
    """The fields of one row as they are read, and what is wrong with them."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.faults: list[str] = []

    def get(self, name: str, read: Callable[..., Any], *details: Any) -> Any:
        """Read a field; a fault is noted and None returned."""
        try:
            return read(self.fields.get(name), *details)
        except FaultError as fault:
            self.faults.append(f"{name} {fault}")
            return None


def shown(value: object) -> str:
    """Quote a value for a person, shortened."""
    text = str(value).encode("utf-8", "replace").decode().replace("\x00", "�")
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


def words(value: object, limit: int = SHORT) -> str | None:
    """Read optional text, without blanks around it; nothing left is None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise FaultError(f"{shown(value)} is no text")
    if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise FaultError("has signs that no database keeps")
    if len(value) > limit:
        raise FaultError(f"has {len(value):,} characters, at most {limit:,} fit")
    return value.strip() or None


def needed(value: object, limit: int = SHORT) -> str:
    """Read text that must be there."""
    found = words(value, limit)
    if found is None:
        raise FaultError("is missing")
    return found


def number(value: object) -> Decimal:
    """Read a number from a number or its text; no NaN, no infinity."""
    if value is None:
        raise FaultError("is missing")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise FaultError(f"{shown(value)} is no number")
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise FaultError(f"{shown(value)} is no number") from error
    if not found.is_finite() or abs(found) >= MAX_NUMBER:
        raise FaultError(f"{shown(value)} is no number that fits")
    return found


def not_below(value: object, least: int) -> Decimal:
    """Read a number of at least `least`."""
    found = number(value)
    if found < least:
        raise FaultError(f"{shown(value)} is below {least}")
    return found


def above_zero(value: object) -> Decimal:
    """Read a number above zero; what rounds to zero in six decimals is none."""
    found = number(value)
    if round(found, 6) <= 0:
        raise FaultError(f"{shown(value)} is not above 0")
    return found


def optional(value: object, read: Callable[..., Any], *details: Any) -> Any:
    """Read a field that may be missing or empty."""
    return None if value is None or value == "" else read(value, *details)


def percentage(value: object) -> Decimal:
    """Read a number from 0 to 100."""
    found = number(value)
    if not 0 <= found <= 100:
        raise FaultError(f"{shown(value)} is not between 0 and 100")
    return found


def days(value: object) -> int:
    """Read a whole number of days, 0 to 36,500."""
    found = number(value)
    if found != math.floor(found) or not 0 <= found <= 36_500:
        raise FaultError(f"{shown(value)} is no whole number of days")
    return int(found)


def moment(value: object) -> datetime:
    """Read an ISO time; without an offset it is UTC, as the agent's own tables have it."""
    try:
        found = datetime.fromisoformat(needed(value))
    except FaultError:
        raise
    except ValueError as error:
        raise FaultError(f"{shown(value)} is no date") from error
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise FaultError(f"{shown(value)} is no date") from error


def known(value: object, meanings: dict[str, str]) -> str:
    """Read one of the agent's words and return ours."""
    if not isinstance(value, str) or value not in meanings:
        raise FaultError(f"{shown(value)} is not one of {', '.join(meanings)}")
    return meanings[value]


def currency(value: object) -> str:
    """Read an ISO currency code."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise FaultError(f"{shown(value)} is no currency code")
    return value


def period(value: object) -> str:
    """Read a month as YYYY-MM."""
    if not isinstance(value, str) or not _PERIOD.fullmatch(value):
        raise FaultError(f"{shown(value)} is no month (YYYY-MM)")
    return value


def address(value: object) -> str | None:
    """Read an optional e-mail address."""
    found = words(value)
    if found and not _EMAIL.fullmatch(found):
        raise FaultError(f"{shown(value)} is no e-mail address")
    return found


def document(value: object) -> dict[str, Any]:
    """Read a JSON object; missing is empty."""
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise FaultError(f"{shown(value)} is no JSON object")
    _storable(value)
    return value


def _storable(value: object) -> None:
    """Refuse what PostgreSQL's jsonb cannot hold: NUL, lone surrogates, NaN and infinity."""
    if isinstance(value, str):
        words(value, LONG)
    elif isinstance(value, float) and not math.isfinite(value):
        raise FaultError("holds a number that JSON does not have")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _storable(key)
            _storable(inner)
    elif isinstance(value, list):
        for inner in value:
            _storable(inner)
