"""Owns periods: whole months in a row, as people choose them: the last ones, a fiscal quarter or year."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Literal

from dashboard.core.errors import InvalidInputError

DEFAULT = "12m"
MAX_MONTHS = 60
MONTHS_A_QUARTER, MONTHS_A_YEAR = 3, 12
Compare = Literal["previous", "year", "none"]
COMPARES: dict[Compare, str] = {
    "previous": "the period before",
    "year": "the same months a year before",
    "none": "nothing",
}
CHOICES: dict[str, str] = {
    "3m": "Last 3 months",
    "6m": "Last 6 months",
    "12m": "Last 12 months",
    "24m": "Last 24 months",
    "fq": "This fiscal quarter",
    "fq-1": "Last fiscal quarter",
    "fy": "This fiscal year",
    "fy-1": "Last fiscal year",
}


@dataclass(frozen=True)
class Span:
    """Months in a row; both ends are first days of months and are included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        """The number of months."""
        return _index(self.last) - _index(self.first) + 1

    @cached_property
    def months(self) -> tuple[date, ...]:
        """The first day of each month, in order."""
        return tuple(shift(self.first, step) for step in range(self.count))

    @property
    def title(self) -> str:
        """The span in words: Jan 2026 to Mar 2026."""
        return month_title(self.first) + (f" to {month_title(self.last)}" if self.count > 1 else "")

    def compared(self, compare: Compare) -> "Span | None":
        """What it is compared with; None where nothing is."""
        steps = {"previous": self.count, "year": MONTHS_A_YEAR, "none": 0}[compare]
        return Span(shift(self.first, -steps), shift(self.last, -steps)) if steps else None


@dataclass(frozen=True)
class Period:
    """A span and the choice it came from: a key of CHOICES, or '' for months somebody named."""

    span: Span
    choice: str = ""

    @property
    def title(self) -> str:
        """The period in words, with its months."""
        name = CHOICES.get(self.choice, "")
        return f"{name} ({self.span.title})" if name else self.span.title

    @property
    def arguments(self) -> dict[str, str]:
        """The period as it stands in an address."""
        if self.choice:
            return {"period": self.choice}
        return {"from": f"{self.span.first:%Y-%m}", "to": f"{self.span.last:%Y-%m}"}


def read(args: Mapping[str, str], today: date, fiscal_month: int = 1) -> Period:
    """Read the period of an address: `from` and `to` (2026-03), else `period`. Raises InvalidInputError."""
    first, last = args.get("from", ""), args.get("to", "")
    if first or last:
        return Period(_named(_month("from", first), _month("to", last) if last else today.replace(day=1)))
    choice = args.get("period", "")
    choice = choice if choice in CHOICES else DEFAULT
    return Period(_chosen(choice, today.replace(day=1), fiscal_month), choice)


def shift(month: date, steps: int) -> date:
    """The first day of the month so many months later (earlier, when negative)."""
    index = _index(month) + steps
    return date(index // MONTHS_A_YEAR, index % MONTHS_A_YEAR + 1, 1)


@lru_cache(maxsize=MAX_MONTHS * 10)
def only(month: date) -> Mapping[str, str]:
    """Return what chooses one month, as arguments of an address."""
    return {"from": f"{month:%Y-%m}", "to": f"{month:%Y-%m}"}


def month_title(month: date) -> str:
    """The month as people say it: Mar 2026."""
    return f"{month:%b %Y}"


def _chosen(choice: str, month: date, fiscal_month: int) -> Span:
    if choice.endswith("m"):
        return Span(shift(month, 1 - int(choice.removesuffix("m"))), month)
    unit, _, back = choice.partition("-")
    length = MONTHS_A_QUARTER if unit == "fq" else MONTHS_A_YEAR
    into = (month.month - fiscal_month) % MONTHS_A_YEAR % length
    first = shift(month, -into - length * int(back or 0))
    return Span(first, shift(first, length - 1))


def _named(first: date, last: date) -> Span:
    if first > last:
        raise InvalidInputError("The period ends before it begins.", fields={"to": "is too early"})
    span = Span(first, last)
    if span.count > MAX_MONTHS:
        raise InvalidInputError(f"A period has at most {MAX_MONTHS} months.", fields={"from": "is too early"})
    return span


def _month(name: str, text: str) -> date:
    """Read 2026-03, or the month of a day."""
    found = re.fullmatch(r"(\d{4})-(\d{2})(-\d{2})?", text)
    year, month = (int(found[1]), int(found[2])) if found else (0, 0)
    if 1900 <= year <= 2999 and 1 <= month <= MONTHS_A_YEAR:
        return date(year, month, 1)
    message = f"“{text[:20]}” is not a month; write it as 2026-03." if text else "The first month is missing."
    raise InvalidInputError(message, fields={name: message})


def _index(month: date) -> int:
    return month.year * MONTHS_A_YEAR + month.month - 1
