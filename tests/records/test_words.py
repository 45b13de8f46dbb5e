"""How values and the names of records are read and written."""

from decimal import Decimal

import pytest

from dashboard.erp.models import Rfq
from dashboard.records.columns import describe, in_sentence
from dashboard.records.render import text_of
from dashboard.records.values import ValueInvalidError, parse

COLUMNS = describe(Rfq.metadata.tables["rfq"], {}, {})


@pytest.mark.parametrize(
    ("words", "within"),
    [("RFQ line", "RFQ line"), ("Purchase order", "purchase order"), ("KPIs", "KPIs"), ("E-mail", "e-mail")],
)
def test_an_abbreviation_keeps_its_capitals_within_a_sentence(words: str, within: str) -> None:
    assert in_sentence(words) == within


@pytest.mark.parametrize("text", ["1234567.5", "1,234,567.5", "1,234,567.50"])
def test_commas_between_thousands_are_read_as_they_are_shown(text: str) -> None:
    assert parse(COLUMNS["budget"], text) == Decimal("1234567.5")


@pytest.mark.parametrize("text", ["12,50", "1,5", "1,2345", "1.234,50", ",5", "1,,000"])
def test_a_comma_for_decimals_is_refused_and_never_dropped(text: str) -> None:
    with pytest.raises(ValueInvalidError, match="not a number"):
        parse(COLUMNS["budget"], text)


def test_the_number_of_a_record_has_no_thousands_separator() -> None:
    assert text_of(COLUMNS["id"], 12345) == "12345"
