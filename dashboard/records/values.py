"""Owns reading a typed value from text and writing it back: filters, page marks and bulk edits share it."""

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from dashboard.records.columns import Column, Kind
from dashboard.records.zones import reading_zone

NUL = "\x00"
INT32, INT64 = 2**31, 2**63
TRUE, FALSE = frozenset({"1", "true", "yes", "y", "t"}), frozenset({"0", "false", "no", "n", "f"})

# A comma only between thousands: read as nothing elsewhere it would make 1250 of 12,50.
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


class ValueInvalidError(ValueError):
    """A text is no value of its column; the message is for people."""


def clean(text: str) -> str:
    """Text without NUL, which PostgreSQL cannot store or search."""
    return text.replace(NUL, "").strip()


def parse(column: Column, text: str) -> Any:
    """Read a value of the column. Raises ValueInvalidError."""
    text = clean(text)
    reader = _READERS.get(column.kind)
    return reader(column, text) if reader else text


def dump(value: Any) -> str | None:
    """Write a value so that `parse` reads it back exactly."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, date):
        return value.isoformat()
    return str(getattr(value, "value", value))


def _integer(column: Column, text: str) -> int:
    limit = INT64 if isinstance(column.column.type, sa.BigInteger) or column.kind is Kind.REFERENCE else INT32
    try:
        value = int(text) if len(text) < 25 else limit
    except ValueError:
        raise ValueInvalidError(f"“{text}” is not a whole number.") from None
    if not -limit <= value < limit:
        raise ValueInvalidError(f"{text[:25]} is too large.")
    return value


def _decimal(_column: Column, text: str) -> Decimal:
    if "," in text and not _THOUSANDS.fullmatch(text):
        raise ValueInvalidError(f"“{text}” is not a number; write it as 1234.5 or 1,234.5.")
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise ValueInvalidError(f"“{text}” is not a number.") from None
    if not value.is_finite() or (value and not math.isfinite(float(value))):
        raise ValueInvalidError(f"“{text}” is not a number.")
    return value


def _boolean(_column: Column, text: str) -> bool:
    if text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    raise ValueInvalidError(f"“{text}” is neither yes nor no.")


def _date(_column: Column, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueInvalidError(f"“{text}” is not a date; write it as 2026-03-31.") from None


def _moment(_column: Column, text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ValueInvalidError(f"“{text}” is not a date and time; write it as 2026-03-31 14:30.") from None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=reading_zone())).astimezone(UTC)
    except OverflowError:
        raise ValueInvalidError(f"“{text}” is out of range.") from None


def _choice(column: Column, text: str) -> str:
    if text in dict(column.choices):
        return text
    raise ValueInvalidError(f"“{text}” is not one of the choices.")


_READERS = {
    Kind.INTEGER: _integer,
    Kind.REFERENCE: _integer,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.MOMENT: _moment,
    Kind.CHOICE: _choice,
}


def day_bounds(text: str) -> tuple[datetime, datetime]:
    """Start of a day and of the next one in the viewer's zone. Raises ValueInvalidError."""
    try:
        day = date.fromisoformat(clean(text))
        start = datetime.combine(day, time.min, tzinfo=reading_zone())
        return start, datetime.combine(day + timedelta(days=1), time.min, tzinfo=reading_zone())
    except (ValueError, OverflowError):
        raise ValueInvalidError(f"“{text}” is not a date; write it as 2026-03-31.") from None
