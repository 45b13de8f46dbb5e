"""Owns reading what people type into the pages of orders: texts are kept, errors go to their field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from dashboard.core.errors import DashboardError, InvalidInputError

LONGEST = 2000
MOST = Decimal(10) ** 12
LARGEST_KEY = 2**63 - 1
Read = TypeVar("Read")


@dataclass
class Typed:
    """A form as a person left it: texts by field name, what is wrong with them, and what is wrong at all."""

    texts: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    message: str = ""

    def text(self, key: str) -> str:
        """The text of a field."""
        return self.texts.get(key, "")

    def read(self, key: str, reader: Callable[[str], Read], default: Read) -> Read:
        """The value of a field; what cannot be read becomes its error, and `default` stands in."""
        try:
            return reader(self.text(key))
        except InvalidInputError as error:
            self.errors[key] = error.message
            return default

    def refuse(self, words: str) -> None:
        """Raise InvalidInputError where a field could not be read."""
        if self.errors:
            raise InvalidInputError(words, fields=self.errors)

    def take(self, error: DashboardError) -> None:
        """Keep what was refused, to be shown beside what was typed."""
        self.errors = {**self.errors, **error.fields}
        self.message = f"{error.message} {error.fix}".strip()


def read_typed(form: Mapping[str, str]) -> Typed:
    """Keep what was typed, without characters that no database takes."""
    return Typed({key: clean(value) for key, value in form.items() if key != "csrf_token"})


def clean(text: str) -> str:
    """Text without NUL and lone surrogates, trimmed and of bounded length."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8").strip()[:LONGEST]


def read_quantity(text: str) -> Decimal:
    """A number with up to six decimals; empty is 0. Raises InvalidInputError."""
    return _number(text, "0.000001", "At most six decimals are kept.")


def read_money(text: str) -> Decimal:
    """An amount with up to four decimals; empty is 0. Raises InvalidInputError."""
    return _number(text, "0.0001", "At most four decimals are kept.")


def _number(text: str, step: str, words: str) -> Decimal:
    if not text:
        return Decimal(0)
    try:
        number = Decimal(text.replace("\N{NO-BREAK SPACE}", ""))
    except InvalidOperation as error:
        raise InvalidInputError("Enter a number such as 12.5.") from error
    if not number.is_finite() or abs(number) >= MOST:
        raise InvalidInputError("Enter a number such as 12.5.")
    if number != number.quantize(Decimal(step)):
        raise InvalidInputError(words)
    return number


def read_day(text: str) -> date | None:
    """A day; empty is None. Raises InvalidInputError."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError("Enter a day such as 2026-03-05.") from error


def read_key(text: str) -> int | None:
    """The key of a record; empty is None. Raises InvalidInputError."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > LARGEST_KEY:
        raise InvalidInputError("Choose one of the list.")
    return int(text)


def plain(quantity: Decimal) -> str:
    """A quantity without trailing zeros, as a form shows it."""
    return f"{quantity.normalize():f}"
