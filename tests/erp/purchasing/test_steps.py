"""Orders: approval above the threshold by another person, sending, cancelling, what is frozen when."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.models import Message, PurchaseOrder
from dashboard.erp.purchasing import approval
from dashboard.erp.purchasing.screens import PurchaseOrderScreen
from dashboard.erp.workflow.service import transition
from tests import factories
from tests.erp.buying import currencies, rate


def make_order(session: Session, threshold: str | None = None, **values: Any) -> PurchaseOrder:
    """A draft order of ten pieces at 100."""
    org = factories.OrganizationFactory(approval_threshold=Decimal(threshold) if threshold else None)
    order = factories.PurchaseOrderFactory(organization=org, **values)
    factories.PurchaseOrderLineFactory(order=order, quantity=Decimal(10), unit_price=Decimal(100))
    session.flush()
    session.refresh(order)
    return order


def act_as(session: Session, person: str) -> None:
    """Go on as another person in this transaction."""
    session.connection().exec_driver_sql("SET LOCAL steward.actor = %s", (person,))


def test_a_small_order_is_released_and_numbered_without_approval(tenant: Session) -> None:
    order = make_order(tenant, "1000")
    assert not approval.needs_approval(tenant, order)
    transition(tenant, order, "release")
    tenant.refresh(order)
    assert order.status == "approved"
    assert order.number is not None


def test_above_the_threshold_another_person_approves(tenant: Session) -> None:
    order = make_order(tenant, "1000", freight=Decimal(1))
    with pytest.raises(InvalidInputError, match="above the threshold"):
        transition(tenant, order, "release")
    act_as(tenant, "second@example.com")
    transition(tenant, order, "submit")
    for same in ("tester@example.com", "second@example.com"):
        act_as(tenant, same)
        with pytest.raises(InvalidInputError, match="yourself"):
            transition(tenant, order, "approve")
    act_as(tenant, "third@example.com")
    transition(tenant, order, "approve")
    assert (order.status, order.approved_by) == ("approved", "third@example.com")


def test_the_threshold_counts_in_the_base_currency_even_with_a_wrong_rate(tenant: Session) -> None:
    currencies(tenant, "EUR", "USD")
    rate(tenant, "USD", "EUR", "2")
    order = make_order(tenant, "1500", currency="USD", fx_rate=Decimal("0.001"))
    assert approval.base_value(tenant, order) == 2000
    assert approval.needs_approval(tenant, order)


def test_sent_back_loses_its_approval_and_may_be_changed(tenant: Session) -> None:
    order = make_order(tenant, "10")
    transition(tenant, order, "submit")
    assert "purchase_order_line" in PurchaseOrderScreen.frozen_fields(order)
    act_as(tenant, "boss@example.com")
    transition(tenant, order, "approve")
    transition(tenant, order, "send_back", reason="wrong price")
    assert (order.status, order.approved_by, order.note) == ("draft", None, "wrong price")
    assert PurchaseOrderScreen.frozen_fields(order) == {"status"}


def test_an_order_without_lines_or_to_a_blocked_supplier_goes_nowhere(tenant: Session) -> None:
    empty = factories.PurchaseOrderFactory()
    with pytest.raises(InvalidInputError, match="no lines"):
        transition(tenant, empty, "release")
    order = make_order(tenant)
    order.supplier.status = "blocked"
    tenant.flush()
    with pytest.raises(InvalidInputError, match="is blocked"):
        transition(tenant, order, "release")


def test_sending_writes_the_message_of_the_order(tenant: Session) -> None:
    order = make_order(tenant)
    transition(tenant, order, "release")
    transition(tenant, order, "send", words="As agreed.")
    message = tenant.scalars(select(Message).filter_by(order_id=order.id)).one()
    assert message.address == order.supplier.email
    assert "As agreed." in message.body
    assert str(order.number) in str(message.subject)
    assert order.sent_at is not None
    with pytest.raises(ConflictError):
        transition(tenant, order, "send")


def test_without_an_address_only_marking_as_sent_is_left(tenant: Session) -> None:
    order = make_order(tenant)
    order.supplier.email = None
    transition(tenant, order, "release")
    with pytest.raises(InvalidInputError, match="No e-mail address"):
        transition(tenant, order, "send")
    transition(tenant, order, "mark_sent")
    assert order.status == "sent"


def test_cancelling_needs_a_reason_and_no_receipt(tenant: Session) -> None:
    order = make_order(tenant)
    transition(tenant, order, "release")
    transition(tenant, order, "mark_sent")
    with pytest.raises(InvalidInputError):
        transition(tenant, order, "cancel")
    factories.ReceiptFactory(order=order, organization=order.organization)
    tenant.flush()
    with pytest.raises(InvalidInputError, match="received on it"):
        transition(tenant, order, "cancel", cancel_reason="late")
    other = make_order(tenant)
    transition(tenant, other, "release")
    transition(tenant, other, "mark_sent")
    transition(tenant, other, "cancel", cancel_reason="late")
    assert other.status == "cancelled"
    assert "Duplicate" in PurchaseOrderScreen.lock_reason(other)


def test_the_lines_of_a_sent_order_are_not_changed_through_its_form(
    tenant: Session, login: Callable[..., FlaskClient]
) -> None:
    order = make_order(tenant)
    transition(tenant, order, "release")
    transition(tenant, order, "mark_sent")
    tenant.commit()
    staff = login("staff", tenant="acme")
    page = f"/t/acme/records/purchase_order/{order.id}"
    forged = {
        "version": str(order.version),
        "status": "received",
        "purchase_order_line-0-row_id": str(order.lines[0].id),
        "purchase_order_line-0-unit_price": "0.01",
        "freight": "99",
        "note": "a note",
    }
    staff.post(f"{page}/edit", data=forged)
    tenant.expire_all()
    stored = tenant.get_one(PurchaseOrder, order.id)
    assert (stored.status, stored.freight, stored.lines[0].unit_price) == (
        "sent",
        Decimal(0),
        Decimal(100),
    )


def test_the_pages_of_steps_ask_and_act(tenant: Session, login: Callable[..., FlaskClient]) -> None:
    order = make_order(tenant)
    tenant.commit()
    staff = login("staff", tenant="acme")
    page = f"/t/acme/records/purchase_order/{order.id}"
    assert "Release" in staff.get(page).get_data(as_text=True)
    assert staff.get(f"{page}/step/release").status_code == 200
    assert staff.post(f"{page}/step/release", data={"version": str(order.version)}).status_code == 302
    assert "Send to the supplier" in staff.get(page).get_data(as_text=True)
    assert login("manager", tenant="acme").post(f"{page}/step/mark_sent").status_code == 403
