"""Invoices: matched three ways, released with a reason, never paid twice."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.invoicing import service
from dashboard.erp.invoicing.matching import match
from dashboard.erp.invoicing.screens import SupplierInvoiceScreen
from dashboard.erp.invoicing.service import Billed, Paper, price_key, quantity_key
from dashboard.erp.models import InvoiceLine, PurchaseOrder, SupplierInvoice
from dashboard.erp.purchasing import receiving
from dashboard.erp.purchasing.receiving import Arrived, Delivery
from dashboard.erp.workflow.service import transition
from tests import factories

DAY = date(2026, 3, 2)


def received_order(session: Session, came: str = "10", rejected: str = "0", **org: Any) -> PurchaseOrder:
    """A sent order of ten at 4.00, of which some came."""
    owner = factories.OrganizationFactory(**org)
    order = factories.PurchaseOrderFactory(organization=owner)
    factories.PurchaseOrderLineFactory(order=order, quantity=Decimal(10), unit_price=Decimal(4))
    session.flush()
    transition(session, order, "release")
    transition(session, order, "mark_sent")
    arrived = [Arrived(order.lines[0].id, Decimal(came), Decimal(rejected))]
    receiving.receive(session, order.id, Delivery(arrived))
    return order


def enter(
    session: Session, order: PurchaseOrder, quantity: str, price: str = "4", number: str = "A-1", **more: Any
) -> SupplierInvoice:
    line = Billed(order.lines[0].id, Decimal(quantity), Decimal(price))
    invoice = service.enter(session, order.id, Paper(number, DAY, [line], **more))
    session.refresh(invoice)
    return invoice


def problems(session: Session, invoice: SupplierInvoice) -> list[str]:
    found = match(session, invoice)
    return [*found.problems, *(words for line in found.lines for words in line.problems)]


def test_what_was_ordered_kept_and_invoiced_alike_matches_and_is_paid(tenant: Session) -> None:
    invoice = enter(tenant, received_order(tenant), "10")
    assert (invoice.status, invoice.total) == ("matched", Decimal(40))
    transition(tenant, invoice, "approve")
    assert "Void it" in SupplierInvoiceScreen.lock_reason(invoice)
    transition(tenant, invoice, "pay")
    with pytest.raises(ConflictError):
        transition(tenant, invoice, "void")


def test_more_than_was_kept_does_not_match(tenant: Session) -> None:
    order = received_order(tenant, "10", "2")
    invoice = enter(tenant, order, "10")
    assert invoice.status == "mismatched"
    assert problems(tenant, invoice) == ["10 are invoiced, 8 were kept."]
    assert enter(tenant, order, "8", number="A-2").status == "mismatched", "the first one counts before it"


def test_earlier_invoices_count_and_void_ones_do_not(tenant: Session) -> None:
    order = received_order(tenant)
    first = enter(tenant, order, "6")
    second = enter(tenant, order, "6", number="A-2")
    assert problems(tenant, second) == ["6 are invoiced with 6 before, 10 were kept."]
    assert problems(tenant, first) == []
    transition(tenant, first, "void")
    transition(tenant, second, "match")
    assert second.status == "matched"


@pytest.mark.parametrize(
    ("price", "status"), [("4.2", "matched"), ("4.2001", "mismatched"), ("3.7", "mismatched")]
)
def test_prices_match_within_the_tolerance(tenant: Session, price: str, status: str) -> None:
    order = received_order(tenant, price_tolerance_percent=Decimal(5))
    assert enter(tenant, order, "10", price).status == status


def test_quantities_match_within_the_tolerance(tenant: Session) -> None:
    order = received_order(tenant, "11", quantity_tolerance_percent=Decimal(10))
    assert enter(tenant, order, "11").status == "matched"
    assert enter(tenant, order, "0.2", number="A-2").status == "mismatched"


def test_freight_currency_and_lines_of_another_order_do_not_match(tenant: Session) -> None:
    order = received_order(tenant)
    invoice = enter(tenant, order, "10", freight=Decimal(1))
    assert problems(tenant, invoice) == ["Freight is 1, ordered with 0."]
    stranger = factories.PurchaseOrderLineFactory(order__organization=order.organization)
    tenant.add(
        InvoiceLine(
            org_id=order.org_id,
            invoice_id=invoice.id,
            order_line_id=stranger.id,
            quantity=Decimal(1),
            unit_price=Decimal(1),
        )
    )
    invoice.currency, invoice.freight = "USD", Decimal(0)
    tenant.flush()
    assert problems(tenant, invoice) == [
        "It is in USD, the order in EUR.",
        "This line is not on the order.",
    ]


def test_a_mismatch_is_released_with_a_reason_only(tenant: Session) -> None:
    invoice = enter(tenant, received_order(tenant), "10", "5")
    with pytest.raises(ConflictError):
        transition(tenant, invoice, "approve")
    with pytest.raises(InvalidInputError):
        transition(tenant, invoice, "release", release_reason=" ")
    transition(tenant, invoice, "release", release_reason="agreed by phone")
    assert (invoice.status, invoice.release_reason) == ("approved", "agreed by phone")


def test_an_invoice_changed_after_its_match_is_not_approved(tenant: Session) -> None:
    invoice = enter(tenant, received_order(tenant), "10")
    invoice.lines[0].unit_price = Decimal(9)
    tenant.flush()
    with pytest.raises(InvalidInputError, match="The price is 9"):
        transition(tenant, invoice, "approve")
    transition(tenant, invoice, "rematch")
    assert invoice.status == "mismatched"


def test_one_number_of_a_supplier_is_entered_once(tenant: Session) -> None:
    order = received_order(tenant)
    enter(tenant, order, "5")
    with pytest.raises(IntegrityError):
        enter(tenant, order, "5")


def test_an_order_that_was_not_sent_cannot_be_invoiced(tenant: Session) -> None:
    with pytest.raises(ConflictError, match="cannot be invoiced"):
        service.enter(tenant, factories.PurchaseOrderFactory().id, Paper("A", DAY, []))


def test_the_page_fills_in_what_is_open_keeps_what_was_typed_and_shows_the_match(
    tenant: Session, login: Callable[..., FlaskClient]
) -> None:
    order = received_order(tenant, "6")
    line = order.lines[0].id
    tenant.commit()
    staff = login("staff", tenant="acme")
    page = f"/t/acme/records/purchase_order/{order.id}/invoice"
    shown = staff.get(page).get_data(as_text=True)
    assert f'name="{quantity_key(line)}" value="6"' in " ".join(shown.split())
    typed = {"number": "<R-1>", "invoiced_on": "2026-13-01", quantity_key(line): "6", price_key(line): "4"}
    answer = staff.post(page, data=typed)
    assert answer.status_code == 422
    assert 'value="&lt;R-1&gt;"' in answer.get_data(as_text=True)
    good = typed | {"invoiced_on": "2026-03-01", "due_on": "2026-03-31"}
    answer = staff.post(page, data=good)
    assert answer.status_code == 302
    assert "Matches" in staff.get(answer.location).get_data(as_text=True)
    again = staff.post(page, data=good)
    assert again.status_code == 409
    assert "entered before" in again.get_data(as_text=True)
    wrong = good | {"number": "R-2", price_key(line): "7"}
    answer = staff.post(page, data=wrong)
    assert "Differs" in staff.get(answer.location).get_data(as_text=True)
    order_page = staff.get(f"/t/acme/records/purchase_order/{order.id}").get_data(as_text=True)
    assert "Received and invoiced" in order_page
    assert len(tenant.scalars(select(SupplierInvoice)).all()) == 2
    assert login("manager", tenant="acme").post(page, data=good).status_code == 403


@pytest.mark.parametrize(
    "typed",
    [{"number": "\x00"}, {"freight": "NaN"}, {"tax": "-1"}, {"due_on": "1999-01-01"}, {"quantity-0": "1"}],
)
def test_hostile_texts_are_answered_with_the_form(
    tenant: Session, login: Callable[..., FlaskClient], typed: dict[str, str]
) -> None:
    order = received_order(tenant)
    tenant.commit()
    page = f"/t/acme/records/purchase_order/{order.id}/invoice"
    base = {"number": "B", "invoiced_on": "2026-03-01"}
    assert login("staff", tenant="acme").post(page, data=base | typed).status_code == 422
