"""Owns periods: a first and a last day, and the calendar months between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from dashboard.core.errors import InvalidInputError

CHOICES = (3, 6, 12, 24)
DEFAULT = 12
MAX_MONTHS = 120


@dataclass(frozen=True)
class Month:
    """A calendar month, or the part of it that lies in a period."""

    first: date
    last: date

    @property
    def key(self) -> str:
        """The month as the queries name it: 2026-03."""
        return f"{self.first:%Y-%m}"

    @property
    def title(self) -> str:
        """The month as people say it."""
        return f"{self.first:%b %Y}"


@dataclass(frozen=True)
class Period:
    """All days from the first to the last one. `months` is the choice it came from, 0 for a free one."""

    first: date
    last: date
    months: int = 0

    @property
    def title(self) -> str:
        """The period in words."""
        return f"{self.first:%-d %b %Y} to {self.last:%-d %b %Y}"

    def split(self) -> list[Month]:
        """Every month of the period, in order; the first and the last may be parts."""
        return list(self._walk())

    def _walk(self) -> Iterator[Month]:
        start = self.first
        while start <= self.last:
            after = _add_months(start.replace(day=1), 1)
            yield Month(start, min(after - timedelta(days=1), self.last))
            start = after


def last_months(count: int, today: date) -> Period:
    """The month of `today` up to today, and the whole months before it."""
    return Period(_add_months(today.replace(day=1), 1 - count), today, count)


def read(args: Mapping[str, str], today: date) -> Period:
    """Read the period of an address: `from` and `to`, else `months`. Raises InvalidInputError."""
    first, last = args.get("from", ""), args.get("to", "")
    if first or last:
        return _free(_day("from", first), _day("to", last) if last else today)
    months = args.get("months", "")
    return last_months(int(months) if months in map(str, CHOICES) else DEFAULT, today)


def bounds(first: date, last: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The moments at which the days begin and, exclusive, end in a time zone."""
    start = datetime.combine(first, time.min, tzinfo=zone)
    return start, datetime.combine(last + timedelta(days=1), time.min, tzinfo=zone)


def _free(first: date, last: date) -> Period:
    if first > last:
        raise InvalidInputError("The period ends before it begins.", fields={"to": "is before the first day"})
    period = Period(first, last)
    if len(period.split()) > MAX_MONTHS:
        raise InvalidInputError(f"A period has at most {MAX_MONTHS} months.", fields={"from": "is too early"})
    return period


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 1900 <= day.year <= 2999:  # also keeps calendar arithmetic away from the ends of `date`
        message = (
            f"“{text[:20]}” is not a date; write it as 2026-03-31." if text else "The first day is missing."
        )
        raise InvalidInputError(message, fields={name: message})
    return day


def _add_months(first: date, count: int) -> date:
    index = first.year * 12 + first.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)
