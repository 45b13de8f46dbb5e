"""A small company with known figures: every test adds only the records it is about."""

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import pytest
from sqlalchemy.orm import Session

from dashboard.erp.models import (
    Organization,
    Product,
    ProductCategory,
    PurchaseOrder,
    PurchaseOrderLine,
    Quote,
    Receipt,
    ReceiptLine,
    Rfq,
    StockMove,
    Supplier,
    Unit,
    Warehouse,
)
from dashboard.kpis.keeping import PATIENCE

Row = TypeVar("Row")


class Company:
    """Makes records with the fewest words; everything belongs to one organization unless told otherwise."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.connection().exec_driver_sql(PATIENCE)  # as the job that computes figures has it
        self.unit = self._add(Unit(code="pc", name="Piece"))
        self.org = self.organization("Berlin works", time_zone="Europe/Berlin")

    def organization(self, name: str, *, currency: str = "EUR", time_zone: str = "UTC") -> Organization:
        return self._add(Organization(name=name, base_currency=currency, time_zone=time_zone))

    def supplier(self, name: str, org: Organization | None = None) -> Supplier:
        return self._add(Supplier(org_id=self._org(org).id, name=name))

    def receive(
        self,
        at: str,
        received: int,
        price: str,
        *,
        rejected: int = 0,
        currency: str = "EUR",
        org: Organization | None = None,
    ) -> Receipt:
        """Receive one line of one order at a moment such as `2026-03-31T23:30+02:00`."""
        org = self._org(org)
        supplier = self.supplier(f"Supplier of {at}", org)
        line = PurchaseOrderLine(
            org_id=org.id, description="Goods", quantity=Decimal(received), unit_price=Decimal(price)
        )
        order = PurchaseOrder(org_id=org.id, supplier_id=supplier.id, currency=currency, lines=[line])
        self._add(order)
        parts = [
            ReceiptLine(
                org_id=org.id,
                order_line_id=line.id,
                received=Decimal(received),
                rejected=Decimal(rejected),
            )
        ]
        return self._add(Receipt(org_id=org.id, order_id=order.id, received_at=moment(at), lines=parts))

    def award(self, sent: str | None, awarded: str | None, org: Organization | None = None) -> Rfq:
        return self._add(
            Rfq(
                org_id=self._org(org).id,
                title="Castings",
                status="awarded" if sent and awarded else "draft",  # a status sets its moments by itself
                sent_at=moment(sent) if sent else None,
                awarded_at=moment(awarded) if awarded else None,
            )
        )

    def quote(self, supplier: Supplier, submitted: str | None) -> Quote:
        rfq = self._add(Rfq(org_id=supplier.org_id, title="Castings"))
        return self._add(
            Quote(
                org_id=supplier.org_id,
                rfq_id=rfq.id,
                supplier_id=supplier.id,
                status="submitted" if submitted else "draft",
                submitted_at=moment(submitted) if submitted else None,
            )
        )

    def stock(
        self, warehouse: Warehouse, *moves: tuple[int, str], sku: str = "A-1", org: Organization | None = None
    ) -> Product:
        """Move a product in (or out) by (quantity, unit cost)."""
        org = self._org(org)
        product = self._add(Product(org_id=org.id, sku=sku, name=f"Product {sku}", unit_id=self.unit.id))
        for quantity, cost in moves:
            self._add(
                StockMove(
                    org_id=org.id,
                    product_id=product.id,
                    warehouse_id=warehouse.id,
                    quantity=Decimal(quantity),
                    unit_cost=Decimal(cost),
                )
            )
        return product

    def warehouse(self, code: str, org: Organization | None = None) -> Warehouse:
        return self._add(Warehouse(org_id=self._org(org).id, code=code, name=f"Hall {code}"))

    def category(
        self, name: str, *, parent: ProductCategory | None = None, org: Organization | None = None
    ) -> ProductCategory:
        above = parent.id if parent else None
        return self._add(
            ProductCategory(org_id=self._org(org).id, code=f"{name}-{above}", name=name, parent_id=above)
        )

    def _org(self, org: Organization | None) -> Organization:
        return org or self.org

    def _add(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row


def moment(text: str) -> datetime:
    """Read a moment with its zone."""
    return datetime.fromisoformat(text)


@pytest.fixture
def company(tenant: Session) -> Company:
    """The company, inside acme."""
    return Company(tenant)
