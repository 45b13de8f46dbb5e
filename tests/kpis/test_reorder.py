"""When to order and how much, beside the formula in plain Python."""

import math
import random
import statistics
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from dashboard.erp.models import Product, PurchaseOrder, PurchaseOrderLine, Receipt, ReceiptLine, Warehouse
from dashboard.kpis.definitions.stock_families import STOCK
from tests.kpis.conftest import Company
from tests.kpis.stocking import AS_OF, Store, compute, figure, terms, why

TODAY = AS_OF.date()
MONTH = "2026-04"


@pytest.fixture
def store(company: Company) -> Store:
    return Store(company, company.org)


@dataclass
class Stocked:
    """A product that moves: what was shipped by day, and how long deliveries took."""

    product: Product
    hall: Warehouse
    shipped: dict[date, int]
    lead_days: list[int]

    def point(self, days: int, factor: float) -> float:
        """Mean demand in the lead time and a margin, over each whole day before today, by the textbook."""
        demand = [self.shipped.get(TODAY - timedelta(days=n), 0) for n in range(1, days + 1)]
        mean, lead = statistics.mean(demand), statistics.mean(self.lead_days)
        spread = lead * statistics.variance(demand) + mean**2 * statistics.variance(self.lead_days)
        return mean * lead + factor * math.sqrt(spread)


def order(
    store: Store, product: Product, quantity: int, ordered: date | None, **values: Any
) -> PurchaseOrderLine:
    """Order a product; without a day it stays a draft."""
    line = PurchaseOrderLine(
        org_id=store.org.id, product_id=product.id, quantity=Decimal(quantity), unit_price=Decimal(1)
    )
    status = values.pop("status", "sent" if ordered else "draft")
    session = store.company.session
    supplier = store.company.supplier(f"Supplier {session.query(PurchaseOrder).count()}", store.org)
    session.add(
        PurchaseOrder(
            org_id=store.org.id, supplier_id=supplier.id, lines=[line], status=status, ordered_on=ordered
        )
    )
    session.flush()
    return line


def deliver(store: Store, line: PurchaseOrderLine, on: date, received: int, rejected: int = 0) -> None:
    """Receive some of a line at noon of a day."""
    at = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    part = ReceiptLine(
        org_id=store.org.id, order_line_id=line.id, received=Decimal(received), rejected=Decimal(rejected)
    )
    session = store.company.session
    session.add(Receipt(org_id=store.org.id, order_id=line.order_id, received_at=at, lines=[part]))
    session.flush()


def stocked(store: Store, seed: int = 1, **values: Any) -> Stocked:
    """A product of which 1000 came long ago, shipped on some days, delivered three times."""
    rng = random.Random(seed)
    product = store.product(f"P-{seed}", **values)
    hall = store.warehouse(f"P{seed}")
    store.move(product, hall, "2025-06-02T08:00+02:00", "1000", "2")
    shipped: dict[date, int] = {}
    for _ in range(40):
        day, quantity = TODAY - timedelta(days=rng.randrange(1, 150)), rng.randrange(1, 9)
        shipped[day] = shipped.get(day, 0) + quantity
        store.move(product, hall, f"{day}T00:20+02:00", str(-quantity))
    store.move(product, hall, "2026-04-15T08:00+02:00", "-500")  # today is not a whole day yet
    lead_days = [4, 9, 20]
    for days in lead_days:
        deliver(store, order(store, product, 5, date(2026, 1, 2)), date(2026, 1, 2) + timedelta(days=days), 5)
    return Stocked(product, hall, shipped, lead_days)


def kept(tenant: Session, product: Product) -> dict[str, Any]:
    row = tenant.connection().exec_driver_sql(
        "SELECT * FROM kpi_stock WHERE product_id = %(product)s", {"product": product.id}
    )
    return dict(row.mappings().one())


@pytest.mark.parametrize(("days", "factor"), [(90, 1.65), (30, 2.33)], ids=["as given", "as declared"])
def test_reorder_point_is_that_of_the_textbook(
    tenant: Session, store: Store, days: int, factor: float
) -> None:
    one = stocked(store)
    declared: dict[str, Any] = (
        {} if days == 90 else {"below_reorder_days": days, "below_reorder_factor": factor}
    )
    compute(tenant, terms(orgs=[store.org], **declared))
    found = kept(tenant, one.product)
    assert float(found["reorder_point"]) == pytest.approx(one.point(days, factor))
    assert (found["basis"], found["demand_days"], found["lead_n"]) == ("computed", days, 3)
    assert float(found["lead_deviation"]) == pytest.approx(statistics.stdev(one.lead_days))


def test_demand_of_a_young_product_is_spread_over_its_own_days(tenant: Session, store: Store) -> None:
    product, hall = store.product("Y-1"), store.warehouse("Y1")
    store.move(product, hall, "2026-04-11T08:00+02:00", "100", "1")
    store.move(product, hall, "2026-04-12T08:00+02:00", "-6")
    store.move(product, hall, "2026-04-13T08:00+02:00", "-6")
    store.move(product, hall, "2026-04-13T09:00+02:00", "2", "1", source="shipment")  # came back
    compute(tenant)
    found = kept(tenant, product)
    assert (found["demand_days"], found["daily_mean"]) == (4, Decimal("2.5"))
    assert float(found["daily_deviation"]) == pytest.approx(statistics.stdev([0, 6, 4, 0]))


def test_less_than_the_point_is_below_and_the_suggestion_lifts_it_with_what_is_coming(
    tenant: Session, store: Store
) -> None:
    sparse = {"standard_cost": Decimal(3), "reorder_point": Decimal("20.5"), "min_order_qty": Decimal(4)}
    hall, rows = store.warehouse("S1"), {}
    for sku, there, coming in (
        ("enough", "20.5", 0),
        ("few", "10", 0),
        ("coming", "10", 8),
        ("all", "10", 11),
    ):
        rows[sku] = store.product(sku, **sparse)
        store.move(rows[sku], hall, "2026-04-15T08:00+02:00", there, "1")
        if coming:
            line = order(store, rows[sku], coming + 5, date(2026, 4, 1))
            deliver(store, line, date(2026, 4, 2), 7, rejected=2)
    order(store, rows["few"], 100, None)
    order(store, rows["few"], 100, date(2026, 4, 1), status="cancelled")
    compute(tenant)
    assert {sku: kept(tenant, row)["suggested"] for sku, row in rows.items()} == {
        "enough": Decimal(0),
        "few": Decimal(11),  # 10.5 in whole units
        "coming": Decimal(4),  # 2.5 would do, but the smallest order is 4
        "all": Decimal(0),
    }
    assert kept(tenant, rows["coming"])["on_order"] == Decimal(8)
    below = figure(tenant, "below_reorder", store.org, MONTH)
    assert (below.value, below.n) == (Decimal(75), 4)
    suggested = figure(tenant, "suggested_orders", store.org, MONTH)
    assert (suggested.value, suggested.n) == (Decimal(45), 4)


def test_declared_points_count_where_the_definition_says_so(tenant: Session, store: Store) -> None:
    one = stocked(store, reorder_point=Decimal(7))
    compute(tenant, terms(orgs=[store.org], below_reorder_basis="declared"))
    found = kept(tenant, one.product)
    assert (found["reorder_point"], found["basis"]) == (Decimal(7), "declared")


def test_product_without_any_point_and_one_that_is_not_active_are_out_with_their_reason(
    tenant: Session, store: Store
) -> None:
    store.product("none")
    store.product("idle", reorder_point=Decimal(5), is_active=False)
    store.product("gone", reorder_point=Decimal(5), deleted_at=AS_OF)
    compute(tenant)
    assert why(tenant, STOCK, "below_reorder") == [
        "excluded: no reorder point: too few deliveries or days of demand, and none declared",
        "excluded: the product is not active",
    ]
    assert figure(tenant, "below_reorder", store.org, MONTH).value is None
    assert figure(tenant, "suggested_orders", store.org, MONTH).value is None


def test_product_with_a_point_that_never_lay_in_stock_is_below_it(tenant: Session, store: Store) -> None:
    product = store.product("new", reorder_point=Decimal(5), standard_cost=Decimal(2))
    compute(tenant)
    assert figure(tenant, "below_reorder", store.org, MONTH).value == Decimal(100)
    assert figure(tenant, "suggested_orders", store.org, MONTH).value == Decimal(10)
    assert kept(tenant, product)["suggested"] == Decimal(5)


def test_lead_time_counts_deliveries_of_the_last_year_on_the_organizations_days(
    tenant: Session, store: Store
) -> None:
    product = store.product("L-1")
    line = order(store, product, 50, date(2026, 4, 1))
    deliver(store, line, date(2026, 4, 4), 1)
    deliver(store, order(store, product, 50, date(2025, 4, 1)), date(2025, 4, 14), 1)  # too long ago
    part = ReceiptLine(org_id=store.org.id, order_line_id=line.id, received=Decimal(1))
    after_midnight = datetime(2026, 4, 5, 22, 30, tzinfo=UTC)
    session = store.company.session
    session.add(
        Receipt(org_id=store.org.id, order_id=line.order_id, received_at=after_midnight, lines=[part])
    )
    session.flush()
    compute(tenant)
    found = kept(tenant, product)
    assert (found["lead_n"], found["lead_mean"]) == (2, Decimal(4))
