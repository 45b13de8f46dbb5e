"""Adjustments and transfers: both moves or none, never more than is there."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import InvalidInputError
from dashboard.erp.inventory import service
from dashboard.erp.models import Product, StockBalance, StockMove, Warehouse
from tests import factories


@pytest.fixture
def stock(tenant: Session) -> tuple[Product, Warehouse, Warehouse]:
    """Ten pieces at 2.00 in the first of two warehouses."""
    move = factories.StockMoveFactory()
    other = factories.WarehouseFactory(organization=move.organization)
    tenant.flush()
    return move.product, move.warehouse, other


def quantity(session: Session, product: Product, place: Warehouse) -> Decimal:
    statement = select(StockBalance.quantity).filter_by(product_id=product.id, warehouse_id=place.id)
    return session.scalar(statement) or Decimal(0)


def test_a_transfer_is_two_moves_at_the_average_cost(
    tenant: Session, stock: tuple[Product, Warehouse, Warehouse]
) -> None:
    product, here, there = stock
    out, back = service.transfer(
        tenant, product_id=product.id, source_id=here.id, target_id=there.id, quantity=Decimal(4), reason=""
    )
    assert (out.quantity, back.quantity, back.unit_cost) == (Decimal(-4), Decimal(4), Decimal(2))
    assert (quantity(tenant, product, here), quantity(tenant, product, there)) == (Decimal(6), Decimal(4))


def test_more_than_there_is_moves_nothing(
    tenant: Session, stock: tuple[Product, Warehouse, Warehouse]
) -> None:
    product, here, there = stock
    before = len(tenant.scalars(select(StockMove)).all())
    with pytest.raises(InvalidInputError) as refused:
        service.transfer(
            tenant,
            product_id=product.id,
            source_id=here.id,
            target_id=there.id,
            quantity=Decimal(11),
            reason="",
        )
    assert "Only 10 of" in refused.value.fields["quantity"]
    with pytest.raises(InvalidInputError):
        service.adjust(
            tenant, product_id=product.id, warehouse_id=there.id, quantity=Decimal(-1), reason="lost"
        )
    assert len(tenant.scalars(select(StockMove)).all()) == before


def test_an_adjustment_needs_a_reason_and_takes_the_average_cost(
    tenant: Session, stock: tuple[Product, Warehouse, Warehouse]
) -> None:
    product, here, _there = stock
    with pytest.raises(InvalidInputError) as refused:
        service.adjust(tenant, product_id=product.id, warehouse_id=here.id, quantity=Decimal(0), reason="")
    assert set(refused.value.fields) == {"quantity", "reason"}
    move = service.adjust(
        tenant, product_id=product.id, warehouse_id=here.id, quantity=Decimal(5), reason="found"
    )
    assert (move.source, move.unit_cost, quantity(tenant, product, here)) == (
        "adjustment",
        Decimal(2),
        Decimal(15),
    )


def test_places_of_two_organizations_do_not_mix(
    tenant: Session, stock: tuple[Product, Warehouse, Warehouse]
) -> None:
    product, here, _there = stock
    stranger = factories.WarehouseFactory()
    with pytest.raises(InvalidInputError) as refused:
        service.transfer(
            tenant,
            product_id=product.id,
            source_id=here.id,
            target_id=stranger.id,
            quantity=Decimal(1),
            reason="",
        )
    assert "another organization" in refused.value.fields["target_id"]
    with pytest.raises(InvalidInputError):
        service.transfer(
            tenant,
            product_id=product.id,
            source_id=here.id,
            target_id=here.id,
            quantity=Decimal(1),
            reason="",
        )


def test_the_pages_book_and_keep_what_was_typed(
    tenant: Session, stock: tuple[Product, Warehouse, Warehouse], login: Callable[..., FlaskClient]
) -> None:
    product, here, there = stock
    tenant.commit()
    staff = login("staff", tenant="acme")
    base = "/t/acme/records/stock"
    assert staff.get(f"{base}/adjust?product_id={product.id}").status_code == 200
    assert staff.get(f"{base}/transfer?product_id=x").status_code == 200
    typed = {"product_id": str(product.id), "warehouse_id": str(here.id), "quantity": "1,5", "reason": "<b>"}
    answer = staff.post(f"{base}/adjust", data=typed)
    assert answer.status_code == 422
    assert 'value="1,5"' in answer.get_data(as_text=True)
    assert product.name in answer.get_data(as_text=True)
    assert staff.post(f"{base}/adjust", data=typed | {"quantity": "-2", "unit_cost": "-1"}).status_code == 422
    assert staff.post(f"{base}/adjust", data=typed | {"quantity": "-2"}).status_code == 302
    moved = {
        "product_id": str(product.id),
        "source_id": str(here.id),
        "target_id": str(there.id),
        "quantity": "8",
    }
    assert staff.post(f"{base}/transfer", data=moved).status_code == 302
    assert staff.post(f"{base}/transfer", data=moved).status_code == 422
    assert "Adjust" in staff.get("/t/acme/records/stock_balance/").get_data(as_text=True)
    for wrong in ("9" * 30, "0", "-1", "abc\x00"):
        assert staff.post(f"{base}/transfer", data=moved | {"product_id": wrong}).status_code == 422
