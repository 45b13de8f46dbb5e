"""The row of totals under a list."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from dashboard.records import totals
from dashboard.records.spec import Spec

Make = Callable[..., Any]
ORDERS = "/t/acme/records/purchase_order/"


def total_row(page: str) -> str:
    text = re.sub(r"<[^>]+>", " ", page.partition("<tfoot")[2].partition("</tfoot>")[0])
    return " ".join(text.partition(">")[2].split())


@pytest.fixture
def orders(make: Make) -> int:
    """Three orders in two currencies, of one organization."""
    organization = make("organization")
    supplier = make("supplier", organization=organization)
    for currency, freight in (("EUR", "10.25"), ("EUR", "4.50"), ("JPY", "300"), ("USD", "0")):
        make(
            "purchase_order",
            organization=organization,
            supplier=supplier,
            currency=currency,
            freight=Decimal(freight),
        )
    return int(organization.id)


def test_amounts_are_added_up_per_currency_and_never_across(orders: int, staff: FlaskClient) -> None:
    row = total_row(staff.get(f"{ORDERS}?org_id={orders}&cols=number,freight").text)
    assert "14.75 EUR" in row
    assert "300 JPY" in row
    assert "314.75" not in row
    assert "Totals of 4 rows" in row


def test_totals_are_those_of_all_matching_rows_not_of_the_page(
    orders: int, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.records.state.PAGE_SIZES", (1, 50))
    row = total_row(staff.get(f"{ORDERS}?org_id={orders}&cols=number,freight&size=1").text)
    assert "14.75 EUR" in row
    narrowed = total_row(staff.get(f"{ORDERS}?org_id={orders}&cols=freight&g1.currency=EUR").text)
    assert "JPY" not in narrowed


def test_a_mean_says_how_many_rows_have_a_value(make: Make, staff: FlaskClient) -> None:
    organization = make("organization")
    for reliability in (80, 91, None):
        make("supplier", organization=organization, reliability=reliability, lead_time_days=5)
    page = staff.get(
        f"/t/acme/records/supplier/?org_id={organization.id}&cols=name,reliability,lead_time_days"
    )
    row = total_row(page.text)
    assert "Mean 85.5 of 2 of 3 rows; the others have no value" in row
    assert "Mean 5" in row


def test_long_lists_are_added_up_when_asked_for(
    orders: int, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "AT_ONCE", 2)
    address = f"{ORDERS}?org_id={orders}&cols=freight"
    page = staff.get(address).text
    assert "Totals of 4 rows" in page
    assert "14.75" not in total_row(page)
    assert "14.75 EUR" in total_row(staff.get(f"{address}&totals=1").text)


def test_adding_up_that_takes_too_long_is_stopped_and_the_list_still_shown(
    orders: int, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any) -> Any:
        return select(func.pg_sleep(5))

    monkeypatch.setattr(totals, "TIMEOUT_MS", 50)
    monkeypatch.setattr(totals, "_query", slow)
    answer = staff.get(f"{ORDERS}?org_id={orders}&cols=number,freight")
    assert answer.status_code == 200
    assert "took too long" in total_row(answer.text)
    assert 'name="ids"' in answer.text


def test_no_figure_is_added_that_means_nothing(specs: dict[str, Spec]) -> None:
    kinds = {
        f"{entity}.{key}": totals.kind_of(column)
        for entity, spec in specs.items()
        for key, column in spec.columns.items()
    }
    assert kinds["purchase_order.total"] == "money"
    assert kinds["stock_balance.quantity"] == "sum"
    assert kinds["supplier.lead_time_days"] == "mean"
    for key in ("supplier.id", "supplier.version", "supplier.org_id", "unit.factor", "stock_move.unit_cost"):
        assert kinds[key] == "", key
