"""What people read of a record: a title in words, even decimals, deadlines in both zones, no jargon."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.records.render import even_digits
from tests import factories
from tests.erp.sourcing import making

Make = Any
RECORDS = "/t/acme/records"


def words(page: str) -> str:
    """What is read of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_quote_without_a_reference_is_called_after_its_supplier_and_request(
    tenant: Session, staff: FlaskClient
) -> None:
    quote = factories.QuoteFactory(reference=None)
    tenant.commit()
    title = f"Quote of {quote.supplier.name} for {quote.rfq.number or quote.rfq.title}"
    for path in ("", "/edit", "/history", "/delete"):
        page = staff.get(f"{RECORDS}/quote/{quote.id}{path}").get_data(as_text=True)
        assert title in page, path
        assert f"Quote #{quote.id}" not in page, path


@pytest.mark.parametrize(
    ("values", "least", "digits"),
    [
        (["333.0000", "1.1250"], 2, 3),
        (["333.0000", "12.5"], 2, 2),
        (["1", "2"], 0, 0),
        ([], 2, 2),
        ([None], 0, 0),
    ],
)
def test_a_column_of_numbers_has_even_decimals(values: list[str | None], least: int, digits: int) -> None:
    numbers = [None if value is None else Decimal(value) for value in values]
    assert even_digits(numbers, least) == digits


def test_prices_of_lines_stand_under_each_other(tenant: Session, staff: FlaskClient) -> None:
    first = factories.PurchaseOrderLineFactory(unit_price=Decimal(333))
    factories.PurchaseOrderLineFactory(order=first.order, unit_price=Decimal("1.125"))
    tenant.commit()
    page = words(staff.get(f"{RECORDS}/purchase_order/{first.order_id}").get_data(as_text=True))
    assert " 333.000 " in page
    assert " 1.125 " in page


def test_the_average_cost_has_even_decimals_in_the_list(tenant: Session, staff: FlaskClient) -> None:
    for cost in ("12.5", "3.0625"):
        factories.StockMoveFactory(quantity=Decimal(1), unit_cost=Decimal(cost))
    tenant.commit()
    page = staff.get(f"{RECORDS}/stock_balance/").get_data(as_text=True)
    assert ">12.5000</td>" in page
    assert ">3.0625</td>" in page


def test_a_deadline_of_another_zone_is_shown_in_both(make: Make, staff: FlaskClient) -> None:
    rfq = make("rfq", deadline=datetime(2031, 3, 5, 13, 30, tzinfo=UTC))
    page = words(staff.get(f"{RECORDS}/rfq/{rfq.id}").get_data(as_text=True))
    assert "5 Mar 2031, 13:30 UTC 5 Mar 2031, 14:30 Europe/Berlin" in page


def test_a_new_deadline_is_asked_for_with_both_zones_named(tenant: Session, staff: FlaskClient) -> None:
    rfq = making.sent(tenant)
    tenant.commit()
    page = words(staff.get(f"{RECORDS}/rfq/{rfq.id}/step/extend").get_data(as_text=True))
    assert "Time zone: UTC; the RFQ is of Europe/Berlin." in page


def test_technical_details_of_the_history_are_folded_away(make: Make, staff: FlaskClient) -> None:
    supplier = make("supplier")
    page = staff.get(f"{RECORDS}/supplier/{supplier.id}/history").get_data(as_text=True)
    folded = re.findall(r"<details class=\"timeline-technical\">.*?</details>", page, flags=re.DOTALL)
    assert folded
    assert "Technical details" in folded[0]
    assert "steward_app" in folded[0]
    assert "steward_app" not in re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)


def test_the_search_button_says_what_it_finds(staff: FlaskClient, login: Any) -> None:
    assert "Search everything" in staff.get(f"{RECORDS}/supplier/").get_data(as_text=True)
    page = login("dba").get("/database/health/").get_data(as_text=True)
    assert "Find a page" in page
    assert "<span>Search everything</span>" not in page
