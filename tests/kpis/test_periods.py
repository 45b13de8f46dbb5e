from datetime import date
from zoneinfo import ZoneInfo

import pytest

from dashboard.core.errors import InvalidInputError
from dashboard.kpis import periods
from dashboard.kpis.periods import Period

TODAY = date(2026, 3, 15)


def test_last_three_months_begin_with_a_whole_month_and_end_today() -> None:
    assert periods.last_months(3, TODAY) == Period(date(2026, 1, 1), TODAY, 3)


def test_last_months_reach_over_new_year() -> None:
    assert periods.last_months(12, TODAY).first == date(2025, 4, 1)


def test_period_is_split_into_months_with_parts_at_its_ends() -> None:
    months = Period(date(2025, 12, 20), date(2026, 2, 3)).split()
    assert [(month.key, month.first.day, month.last.day) for month in months] == [
        ("2025-12", 20, 31),
        ("2026-01", 1, 31),
        ("2026-02", 1, 3),
    ]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, Period(date(2025, 4, 1), TODAY, 12)),
        ({"months": "6"}, Period(date(2025, 10, 1), TODAY, 6)),
        ({"months": "7000"}, Period(date(2025, 4, 1), TODAY, 12)),
        ({"from": "2026-01-05", "to": "2026-02-01"}, Period(date(2026, 1, 5), date(2026, 2, 1))),
        ({"from": "2026-01-05"}, Period(date(2026, 1, 5), TODAY)),
    ],
)
def test_address_says_the_period(args: dict[str, str], expected: Period) -> None:
    assert periods.read(args, TODAY) == expected


@pytest.mark.parametrize(
    "args",
    [
        {"from": "soon"},
        {"to": "2026-02-01"},
        {"from": "2026-02-02", "to": "2026-02-01"},
        {"from": "1990-01-01", "to": "2026-02-01"},
        {"from": "0001-01-01"},
        {"from": "9999-12-01", "to": "9999-12-31"},
    ],
)
def test_impossible_period_is_refused_with_its_reason(args: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        periods.read(args, TODAY)


def test_day_of_the_clock_change_has_its_real_length() -> None:
    start, end = periods.bounds(date(2026, 3, 29), date(2026, 3, 29), ZoneInfo("Europe/Berlin"))
    assert (end.astimezone(ZoneInfo("UTC")) - start.astimezone(ZoneInfo("UTC"))).total_seconds() == 23 * 3600
