"""The page of a supplier: figures with their observations, warnings, dealings; never a zero for no data."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.erp.models import Quote, SupplierCertificate, SupplierProduct
from dashboard.erp.suppliers import duplicates, scorecard
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories

NOW = datetime.now(UTC)
TODAY = NOW.date()


def day(days: int) -> Any:
    """A day so many days from today."""
    return TODAY + timedelta(days=days)


@pytest.fixture
def supplier(app: Flask, acme: TenantRef) -> Any:
    """A supplier that did some business."""
    with use_tenant(acme, actor="maker@example.com") as session:
        made = factories.SupplierFactory(name="Alpen Steel", reliability=Decimal("82.5"), score_n=14)
        _orders(made)
        _bids(made)
        _extras(session, made)
        session.commit()
        session.refresh(made)
        session.expunge(made)
    return made


def _orders(supplier: Any) -> None:
    """Four lines due: one good, one late, one with rejects, one overdue; and one not due yet."""
    org = supplier.organization
    quote = factories.QuoteFactory(supplier=supplier, organization=org, lead_time_days=10, status="awarded")
    order = factories.PurchaseOrderFactory(
        supplier=supplier, organization=org, status="sent", ordered_on=day(-40), quote=quote
    )
    lines = [
        factories.PurchaseOrderLineFactory(order=order, quantity=Decimal(10), promised_on=day(promised))
        for promised in (-20, -20, -20, -10, 30)
    ]
    for line, on, rejected in zip(lines, (-21, -15, -20), (0, 0, 1), strict=False):
        receipt = factories.ReceiptFactory(
            order=order, organization=org, received_at=datetime.combine(day(on), datetime.min.time(), UTC)
        )
        factories.ReceiptLineFactory(
            receipt=receipt, order_line=line, received=Decimal(10), rejected=Decimal(rejected)
        )
    factories.PurchaseOrderFactory(supplier=supplier, organization=org, status="cancelled")


def _bids(supplier: Any) -> None:
    """Two invitations past their deadline, one answered in time; a line with three bids."""
    org = supplier.organization
    closed = {"organization": org, "status": "sent", "deadline": NOW - timedelta(days=1)}
    rfq, silent = factories.RfqFactory(title="Bolts wanted", **closed), factories.RfqFactory(**closed)
    line = factories.RfqLineFactory(rfq=rfq)
    for each in (rfq, silent):
        factories.RfqInvitationFactory(rfq=each, supplier=supplier, invited_at=NOW - timedelta(days=9))
    for price, bidder in ((9, supplier), (10, None), (12, None)):
        who = bidder or factories.SupplierFactory(organization=org)
        quote = factories.QuoteFactory(
            supplier=who, rfq=rfq, organization=org, status="submitted", submitted_at=NOW - timedelta(days=7)
        )
        factories.QuoteLineFactory(quote=quote, rfq_line=line, unit_price=Decimal(price))


def _extras(session: Session, supplier: Any) -> None:
    factories.SupplierContactFactory(supplier=supplier, name="Ada", email="ada@alpen.example")
    for name, days in (("ISO 9001", -3), ("ISO 14001", 20), ("RoHS", 900)):
        session.add(
            SupplierCertificate(
                org_id=supplier.org_id, supplier_id=supplier.id, name=name, expires_on=day(days)
            )
        )


def figures(acme: TenantRef, supplier: Any) -> dict[str, tuple[str | None, int]]:
    """The scorecard's figures by title."""
    with use_tenant(acme, actor="reader@example.com") as session:
        card = scorecard.read(session, supplier)
    return {
        figure.title: (figure.value and figure.value.replace("\xa0", " "), figure.n)
        for figure in card.figures
    }


def test_figures_follow_the_formulas_and_say_how_many(acme: TenantRef, supplier: Any) -> None:
    found = {
        title: (str(value).replace("\u202f", " "), n) for title, (value, n) in figures(acme, supplier).items()
    }
    assert found["Reliability"] == ("82.5 of 100", 14)
    assert found["On time in full"] == ("25.0 %", 4)
    assert found["Defects"] == ("33,333 ppm", 3)
    assert found["Lead time"] == ("+11.3", 3)
    assert found["Response"] == ("50.0 %", 2)
    assert found["Price"] == ("90.0 %", 1)


def test_without_business_there_is_no_data_and_no_zero(acme: TenantRef, make: Callable[..., Any]) -> None:
    fresh = make("supplier", name="Fresh", reliability=None)
    assert {value for value, _ in figures(acme, fresh).values()} == {None}
    assert {n for _, n in figures(acme, fresh).values()} == {0}


def test_the_page_shows_everything_about_the_supplier(staff: FlaskClient, supplier: Any) -> None:
    text = staff.get(f"/t/acme/records/supplier/{supplier.id}").get_data(as_text=True)
    assert "n = 4" in text
    assert "ISO 9001 ended on" in " ".join(text.split())
    assert "ISO 14001 ends on" in " ".join(text.split())
    assert "RoHS ends on" not in text
    assert 'href="mailto:ada%40alpen.example"' in text or 'href="mailto:ada@alpen.example"' in text
    assert "Bolts wanted" in text
    assert "Spend by year" in text


def test_spend_is_what_was_accepted_at_the_price_of_the_order(acme: TenantRef, supplier: Any) -> None:
    with use_tenant(acme, actor="reader@example.com") as session:
        years = scorecard.spend_by_year(session, supplier.id)
    assert sum(year.spend or 0 for year in years) == Decimal("36.25")  # 29 of 30 pieces at 1.25


def test_a_quote_without_prices_shows_no_zero(
    staff: FlaskClient, make: Callable[..., Any], stored: Callable[..., Any]
) -> None:
    line = make("quote_line", unit_price=None)
    supplier_id = stored(Quote, line.quote_id).supplier_id
    text = " ".join(staff.get(f"/t/acme/records/supplier/{supplier_id}").get_data(as_text=True).split())
    assert "not priced" in text


def test_certificates_and_prices_are_edited_with_the_supplier(staff: FlaskClient, supplier: Any) -> None:
    text = staff.get(f"/t/acme/records/supplier/{supplier.id}/edit").get_data(as_text=True)
    assert "Certificates" in text, text[text.find("<h1") : text.find("<h1") + 600]
    assert "Price list" in text
    assert SupplierProduct.__tablename__ in text


def test_the_page_takes_the_same_number_of_queries_for_little_and_much(
    staff: FlaskClient, supplier: Any, make: Callable[..., Any], statements: list[str]
) -> None:
    other = make("supplier", name="Second")
    with_much, with_little = (f"/t/acme/records/supplier/{each}" for each in (supplier.id, other.id))
    staff.get(with_much)
    counts = []
    for address in (with_much, with_little):
        statements.clear()
        assert staff.get(address).status_code == 200
        counts.append(len(statements))
    # labels of what the page names are one query, asked only where there is something to name
    assert abs(counts[0] - counts[1]) <= 2
    assert max(counts) <= 40


def test_a_supplier_entered_twice_says_so(staff: FlaskClient, tenant: Session) -> None:
    first = factories.SupplierFactory(name="Vega Cables", tax_id="DE9")
    factories.SupplierFactory(name="Vega Cable", tax_id="DE9", organization=first.organization)
    number = first.id
    duplicates.refresh(tenant)
    tenant.commit()
    text = staff.get(f"/t/acme/records/supplier/{number}").get_data(as_text=True)
    assert "may be entered twice" in text
    assert "same tax ID DE9" in text
