"""Periods: the months people mean by what they choose, and what those are compared with."""

from datetime import date

import pytest

from dashboard.core.errors import InvalidInputError
from dashboard.kpis import periods
from dashboard.kpis.periods import Period, Span

TODAY = date(2026, 3, 15)
JANUARY, MARCH = date(2026, 1, 1), date(2026, 3, 1)


@pytest.mark.parametrize(
    ("args", "fiscal_month", "first", "last"),
    [
        ({}, 1, date(2025, 4, 1), MARCH),
        ({"period": "3m"}, 1, JANUARY, MARCH),
        ({"period": "7000m"}, 1, date(2025, 4, 1), MARCH),
        ({"period": "fq"}, 1, JANUARY, MARCH),
        ({"period": "fq"}, 2, date(2026, 2, 1), date(2026, 4, 1)),
        ({"period": "fq-1"}, 2, date(2025, 11, 1), JANUARY),
        ({"period": "fy"}, 1, JANUARY, date(2026, 12, 1)),
        ({"period": "fy"}, 4, date(2025, 4, 1), MARCH),
        ({"period": "fy-1"}, 4, date(2024, 4, 1), date(2025, 3, 1)),
        ({"period": "fy"}, 3, MARCH, date(2027, 2, 1)),
        ({"from": "2026-01", "to": "2026-02"}, 1, JANUARY, date(2026, 2, 1)),
        ({"from": "2026-01-20", "period": "3m"}, 1, JANUARY, MARCH),
    ],
    ids=str,
)
def test_address_says_the_months(args: dict[str, str], fiscal_month: int, first: date, last: date) -> None:
    assert periods.read(args, TODAY, fiscal_month).span == Span(first, last)


@pytest.mark.parametrize("choice", sorted(periods.CHOICES))
def test_a_period_stands_in_an_address_as_it_was_read(choice: str) -> None:
    read = periods.read({"period": choice}, TODAY, 7)
    assert periods.read(read.arguments, TODAY, 7) == read
    free = Period(read.span)
    assert periods.read(free.arguments, TODAY, 7) == free


def test_a_quarter_is_compared_with_the_one_before_or_a_year_before() -> None:
    span = Span(JANUARY, MARCH)
    assert span.compared("previous") == Span(date(2025, 10, 1), date(2025, 12, 1))
    assert span.compared("year") == Span(date(2025, 1, 1), date(2025, 3, 1))
    assert span.compared("none") is None


def test_a_span_names_each_of_its_months() -> None:
    span = Span(date(2025, 12, 1), date(2026, 2, 1))
    assert (span.count, span.months) == (3, (date(2025, 12, 1), JANUARY, date(2026, 2, 1)))
    assert span.title == "Dec 2025 to Feb 2026"
    assert Span(JANUARY, JANUARY).title == "Jan 2026"


@pytest.mark.parametrize(
    "args",
    [
        {"from": "soon"},
        {"to": "2026-02"},
        {"from": "2026-03", "to": "2026-02"},
        {"from": "1990-01", "to": "2026-02"},
        {"from": "0001-01"},
        {"from": "2026-13"},
        {"from": "9999-12", "to": "9999-12"},
    ],
    ids=str,
)
def test_impossible_period_is_refused_with_its_reason(args: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        periods.read(args, TODAY)
