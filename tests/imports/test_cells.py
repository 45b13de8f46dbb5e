"""Reading cells: numbers, dates and words as people in different countries write them."""

from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.erp import models
from dashboard.imports.cells import Rule
from dashboard.imports.reading import Format, cell_text, guess_dates, guess_decimal, unguard
from dashboard.records.columns import describe
from dashboard.records.values import ValueInvalidError

LINE = describe(models.SalesOrderLine.__table__, {}, {})  # type: ignore[arg-type]
ORDER = describe(models.SalesOrder.__table__, {}, {})  # type: ignore[arg-type]
GERMAN = Format(decimal=",", dates="dmy")


def read(
    key: str, text: str, style: Format = GERMAN, factor: str = "", round_to: int | None = None
) -> object:
    column = {**ORDER, **LINE}[key]
    return Rule(0, column, style, factor, round_to).read(text)


def test_a_comma_stands_before_decimals_where_it_is_said() -> None:
    assert read("unit_price", "1.234,50 €") == "1234.50"
    assert read("unit_price", "1,234.50", Format()) == "1234.50"


def test_a_point_that_could_be_either_is_asked_about() -> None:
    with pytest.raises(ValueInvalidError, match="is not a number"):
        read("unit_price", "12.5")


def test_a_share_becomes_percent_and_rounds_half_up() -> None:
    assert read("discount_percent", "0.0500000007", Format(), "100", 2) == "5.00"
    assert read("unit_price", "2.345", Format(), "", 2) == "2.35"


def test_more_decimals_than_fit_are_refused_unless_rounded() -> None:
    with pytest.raises(ValueInvalidError, match="At most 4 decimals"):
        read("unit_price", "9.80000019", Format())


@pytest.mark.parametrize("text", ["31.02.2026", "0.0.2026", "32.1.2026", "2026-13-01"])
def test_a_day_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueInvalidError, match="is not a date"):
        read("promised_on", text)


def test_a_date_of_two_meanings_needs_a_choice() -> None:
    with pytest.raises(ValueInvalidError, match="two ways"):
        read("promised_on", "03.04.2026", Format())
    assert read("promised_on", "03.04.2026") == "2026-04-03"
    assert read("promised_on", "03/04/2026", Format(dates="mdy")) == "2026-03-04"


def test_the_way_of_writing_is_guessed() -> None:
    assert guess_decimal(["1.234,50", "7,5"]) == ","
    assert guess_decimal(["1,234.50"]) == "."
    assert (guess_dates(["31.12.2026"]), guess_dates(["12/31/2026"])) == ("dmy", "mdy")


@given(st.decimals(min_value=0, max_value=10**12, places=4))
def test_a_number_written_in_german_is_read_back(value: Decimal) -> None:
    written = f"{value:,.4f}".translate(str.maketrans(",.", ".,"))
    assert Decimal(str(read("unit_price", written))) == value


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(9999, 12, 31)))
def test_a_date_is_read_back_in_every_style(day: date) -> None:
    styles = {
        "dmy": f"{day:%d.%m.}{day.year:04}",
        "mdy": f"{day:%m/%d/}{day.year:04}",
        "iso": day.isoformat(),
    }
    for order, written in styles.items():
        assert read("promised_on", written, Format(dates=order)) == day.isoformat()


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader(text: str) -> None:
    for key in ("unit_price", "quantity", "position", "promised_on", "shipped_at", "status"):
        with suppress(ValueInvalidError):
            read(key, text)


@given(st.text(min_size=1, max_size=20))
def test_a_guarded_cell_comes_back(text: str) -> None:
    guarded = f"'{text}" if text[0] in "=+-@\t\r\n" else text
    if not (text[0] == "'" and len(text) > 1 and text[1] in "=+-@\t\r\n"):
        assert unguard(guarded) == text


def test_cells_of_a_workbook_become_plain_text() -> None:
    assert [cell_text(value) for value in (7.0, 2.5, True, date(2026, 3, 31))] == [
        "7",
        "2.5",
        "yes",
        "2026-03-31",
    ]
