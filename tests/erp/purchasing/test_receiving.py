"""Receipts: what came is on the order and in stock, once, within the tolerance."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.models import PurchaseOrder, Receipt, StockBalance, StockMove
from dashboard.erp.purchasing import receiving
from dashboard.erp.purchasing.receiving import Arrived, Delivery, received_key, rejected_key
from dashboard.erp.workflow.service import transition
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.erp.meanwhile import acme_of, both, remove


def sent_order(session: Session, tolerance: str = "0", *, version: bool = True) -> PurchaseOrder:
    """A sent order of ten pieces of a product at 4 USD, 0.5 EUR each USD."""
    org = factories.OrganizationFactory(quantity_tolerance_percent=Decimal(tolerance))
    place = factories.WarehouseFactory(organization=org)
    order = factories.PurchaseOrderFactory(
        organization=org, warehouse_id=place.id, currency="USD", fx_rate=Decimal("0.5")
    )
    product = factories.ProductFactory(organization=org)
    factories.PurchaseOrderLineFactory(
        order=order, product=product, quantity=Decimal(10), unit_price=Decimal(4)
    )
    session.flush()
    transition(session, order, "release")
    transition(session, order, "mark_sent")
    session.refresh(order)
    return order


def came(order: PurchaseOrder, received: str, rejected: str = "0") -> Delivery:
    return Delivery([Arrived(order.lines[0].id, Decimal(received), Decimal(rejected))])


def balance(session: Session, order: PurchaseOrder) -> StockBalance:
    statement = select(StockBalance).filter_by(product_id=order.lines[0].product_id)
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def test_parts_are_booked_until_all_has_come(tenant: Session) -> None:
    order = sent_order(tenant)
    receiving.receive(tenant, order.id, came(order, "6", "1"))
    assert order.status == "part_received"
    assert balance(tenant, order).quantity == 5
    assert balance(tenant, order).average_cost == 2, "in the base currency"
    (line,) = receiving.expected_lines(tenant, order.id)
    assert (line.accepted, line.open) == (Decimal(5), Decimal(5))
    receiving.receive(tenant, order.id, came(order, "5"))
    assert order.status == "received"
    move = tenant.scalars(select(StockMove).order_by(StockMove.id.desc()).limit(1)).one()
    assert (move.source, move.quantity, move.reference) == ("receipt", Decimal(5), order.number)


def test_more_than_the_tolerance_is_refused_with_the_figures(tenant: Session) -> None:
    order = sent_order(tenant, "10")
    with pytest.raises(InvalidInputError) as refused:
        receiving.receive(tenant, order.id, came(order, "11.000001"))
    words = refused.value.fields[received_key(order.lines[0].id)]
    assert words == "Ordered 10, accepted so far 0, open 10: more is beyond the tolerance of 10 %."
    receiving.receive(tenant, order.id, came(order, "11"))
    assert order.status == "received"


@pytest.mark.parametrize(("received", "rejected"), [("5", "6"), ("-1", "0"), ("0", "1"), ("5", "-1")])
def test_what_cannot_be_is_refused(tenant: Session, received: str, rejected: str) -> None:
    order = sent_order(tenant)
    with pytest.raises(InvalidInputError):
        receiving.receive(tenant, order.id, came(order, received, rejected))


def test_a_stale_page_or_a_draft_takes_no_delivery(tenant: Session) -> None:
    order = sent_order(tenant)
    seen = order.version
    receiving.receive(tenant, order.id, Delivery(came(order, "4").arrived, seen))
    stale = order.version
    receiving.receive(tenant, order.id, Delivery(came(order, "1").arrived, stale))
    with pytest.raises(ConflictError, match="has changed"):
        receiving.receive(tenant, order.id, Delivery(came(order, "1").arrived, stale))
    with pytest.raises(ConflictError, match="takes no delivery"):
        receiving.receive(tenant, factories.PurchaseOrderFactory().id, Delivery([]))


def test_goods_of_stock_need_a_warehouse_of_the_organization(tenant: Session) -> None:
    order = sent_order(tenant)
    order.warehouse_id = None
    tenant.flush()
    with pytest.raises(InvalidInputError) as refused:
        receiving.receive(tenant, order.id, came(order, "1"))
    assert "warehouse_id" in refused.value.fields
    stranger = factories.WarehouseFactory()
    wrong = Delivery(came(order, "1").arrived, warehouse_id=stranger.id)
    with pytest.raises(InvalidInputError):
        receiving.receive(tenant, order.id, wrong)
    late = Delivery(came(order, "1").arrived, received_at=datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(InvalidInputError) as refused:
        receiving.receive(tenant, order.id, late)
    assert "received_on" in refused.value.fields


def test_the_page_fills_in_what_is_open_and_keeps_what_was_typed(
    tenant: Session, login: Callable[..., FlaskClient]
) -> None:
    order = sent_order(tenant)
    tenant.commit()
    staff = login("staff", tenant="acme")
    page = f"/t/acme/records/purchase_order/{order.id}/receive"
    key = received_key(order.lines[0].id)
    assert f'name="{key}" value="10"' in " ".join(staff.get(page).text.split())
    typed = {key: "12", rejected_key(order.lines[0].id): "x", "reference": "DN <1>"}
    answer = staff.post(page, data=typed)
    assert answer.status_code == 422
    assert 'value="DN &lt;1&gt;"' in answer.get_data(as_text=True)
    good = {key: "4", "reference": "DN-1", "version": str(order.version), "received_on": "2026-01-05"}
    assert staff.post(page, data=good).status_code == 302
    again = staff.post(page, data=good)
    assert again.status_code == 409
    assert len(tenant.scalars(select(Receipt).filter_by(order_id=order.id)).all()) == 1
    assert login("manager", tenant="acme").get(page).status_code == 403


@pytest.mark.parametrize(
    "typed",
    [{"received-1": "1e9999"}, {"version": "9" * 40}, {"warehouse_id": "٣"}, {"received_on": "0000-00-00"}],
)
def test_hostile_texts_are_answered_with_the_form(
    tenant: Session, login: Callable[..., FlaskClient], typed: dict[str, str]
) -> None:
    order = sent_order(tenant)
    tenant.commit()
    page = f"/t/acme/records/purchase_order/{order.id}/receive"
    assert login("staff", tenant="acme").post(page, data=typed).status_code == 422


@pytest.mark.commits
def test_two_people_booking_at_once_book_it_once(app: Flask) -> None:
    acme = acme_of(app)
    with app.app_context(), use_tenant(acme, actor="maker@example.com") as session:
        order = sent_order(session)
        session.commit()
        order_id, org_id, delivery = order.id, order.org_id, came(order, "10")
    ready = threading.Barrier(2)

    def book(session: Session) -> None:
        ready.wait()
        receiving.receive(session, order_id, delivery)

    try:
        assert sorted(both(app, acme, book)) == ["ConflictError", "done"]
    finally:
        remove(app, acme, org_id)
