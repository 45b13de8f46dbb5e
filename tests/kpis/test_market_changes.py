"""Whatever changes, a refresh of the changed records leaves the facts that computing all anew would."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.erp.models import Award, FxRate, ProductCategory, PurchaseOrder, Quote, Rfq
from dashboard.kpis import refreshing
from dashboard.kpis.asking import Terms, fact_columns, select_facts
from dashboard.kpis.definitions import market, sourcing
from dashboard.kpis.families import Family
from dashboard.kpis.models import KpiVersion
from tests.kpis.bidding import Bidding, terms
from tests.kpis.conftest import Company

LATE = datetime(2026, 4, 30, 20, tzinfo=UTC)  # in May only far to the east


@dataclass
class World:
    """Two requests on one product with bids in two currencies, an award, an earlier order."""

    bidding: Bidding
    first: Rfq
    second: Rfq
    dollars: Quote
    euros: Quote
    award: Award
    order: PurchaseOrder
    rate: FxRate
    category: ProductCategory


@pytest.fixture
def world(company: Company) -> World:
    bidding = Bidding(company)
    rate = bidding.rate("USD", "EUR", "2026-01-01", "0.5")
    bidding.rate("USD", "EUR", "2026-06-01", "0.9")
    product = bidding.product("4")
    order = bidding.order(product, "14", "2026-02-01")
    bidding.order(product, "15", "2026-01-05")
    first = bidding.request("10", product=product, target="12")
    second = bidding.request("20", "5", product=product, target="30", sent="2026-06-02T09:00+00:00")
    euros = bidding.quote(first, "9")
    dollars = bidding.quote(first, "20", currency="USD")
    bidding.quote(first, "13")
    for price, currency in (("7", "EUR"), ("8", "EUR"), ("19", "USD")):
        bidding.quote(second, price, "1", at="2026-06-10T09:00+00:00", currency=currency)
    award = bidding.award(euros, "4")
    bidding.award(bidding.quote(second, "6", at="2026-06-11T09:00+00:00"), at="2026-06-20T09:00+00:00")
    return World(bidding, first, second, dollars, euros, award, order, rate, bidding.category())


def set_value(pick: Callable[[World], object], name: str, value: object) -> Callable[[World], None]:
    return lambda world: setattr(pick(world), name, value)


def sql(statement: str, **pick: Callable[[World], object]) -> Callable[[World], object]:
    """Run a statement with ids picked from the world."""
    return lambda world: world.bidding.session.execute(
        text(statement), {name: one(world) for name, one in pick.items()}
    )


CHANGES: dict[str, Callable[[World], object]] = {
    "price": set_value(lambda world: world.dollars.lines[0], "unit_price", Decimal(31)),
    "bid more": lambda world: world.bidding.quote(world.first, "40"),
    "rate of another day": lambda world: world.bidding.rate("USD", "EUR", "2026-06-02", "0.7"),
    "rate corrected": set_value(lambda world: world.rate, "rate", Decimal("0.6")),
    "submitted later": set_value(lambda world: world.dollars, "submitted_at", LATE),
    "quote withdrawn": set_value(lambda world: world.dollars, "status", "withdrawn"),
    "quote back": set_value(lambda world: world.dollars, "status", "rejected"),
    "rate too late": set_value(lambda world: world.rate, "on_date", date(2026, 3, 3)),
    "rate gone": sql("DELETE FROM fx_rate WHERE id = :id", id=lambda world: world.rate.id),
    "currency": set_value(lambda world: world.dollars, "currency", "EUR"),
    "deleted": set_value(lambda world: world.dollars, "deleted_at", datetime(2026, 4, 2, tzinfo=UTC)),
    "line gone": sql("DELETE FROM quote_line WHERE quote_id = :id", id=lambda world: world.dollars.id),
    "region": set_value(lambda world: world.euros.supplier, "region", "EMEA"),
    "cost": set_value(lambda world: world.first.lines[0].product, "standard_cost", Decimal(5)),
    "category": lambda world: setattr(world.first.lines[0].product, "category_id", world.category.id),
    "target": set_value(lambda world: world.first.lines[0], "target_price", Decimal(13)),
    "awarded quantity": set_value(lambda world: world.award, "quantity", Decimal(5)),
    "last order dearer": set_value(lambda world: world.order.lines[0], "unit_price", Decimal(17)),
    "newer order": lambda world: world.bidding.order(world.first.lines[0].product, "16", "2026-02-10"),
    "newer order gone": sql("DELETE FROM purchase_order_line WHERE unit_price = 16"),
    "order moved": set_value(lambda world: world.order, "ordered_on", date(2026, 5, 1)),
    "last order cancelled": set_value(lambda world: world.order, "status", "cancelled"),
    "order of the request": lambda world: world.bidding.order(None, "16", "2026-04-20", rfq=world.first),
    "awarded later": set_value(lambda world: world.first, "awarded_at", LATE),
    "sent earlier": set_value(lambda world: world.second, "sent_at", datetime(2026, 5, 2, tzinfo=UTC)),
    "zone": set_value(lambda world: world.bidding.org, "time_zone", "Asia/Tokyo"),
    "another product": lambda world: setattr(
        world.second.lines[0], "product_id", world.bidding.product("2").id
    ),
    "no product": sql(
        "UPDATE rfq_line SET product_id = NULL, description = 'Part' WHERE rfq_id = :id",
        id=lambda world: world.first.id,
    ),
    "category of the supplier": lambda world: setattr(world.euros.supplier, "category_id", world.category.id),
    "category of the request": lambda world: setattr(world.first, "category_id", world.category.id),
    "award gone": sql("DELETE FROM award WHERE id = :id", id=lambda world: world.award.id),
    "cancelled": set_value(lambda world: world.second, "status", "cancelled"),
}
FAMILIES = (market.BIDS, sourcing.RFQS, sourcing.CYCLES, sourcing.AWARDS)


@pytest.mark.parametrize("baseline", ["target", "mean bid", "last paid"])
def test_refreshed_facts_are_those_computed_anew(tenant: Session, world: World, baseline: str) -> None:
    chosen = terms({"org_id": world.bidding.org.id, "savings_baseline": baseline, "price_index_fewest": 3})
    families = FAMILIES if baseline == "target" else (sourcing.AWARDS,)
    tenant.add(KpiVersion(code="savings", revision=1, parameters={"baseline": baseline}, reason="To compare"))
    tenant.flush()
    for family in families:
        refreshing.rebuild(tenant, family, chosen)
    for name, change in CHANGES.items():
        change(world)
        tenant.flush()
        tenant.expire_all()
        for family in families:
            done = refreshing.refresh(tenant, family, chosen)
            assert not done.is_rebuild or name == "zone", name
            assert kept(tenant, family) == anew(tenant, family, chosen), f"{family.name} after {name}"


def kept(session: Session, family: Family) -> list[tuple[object, ...]]:
    query = f"SELECT {fact_columns()} FROM kpi_fact WHERE family = %(family)s ORDER BY record_id"
    return rows(session, query, {"family": family.name})


def anew(session: Session, family: Family, chosen: Terms) -> list[tuple[object, ...]]:
    return rows(session, f"{select_facts(family)} ORDER BY record_id", chosen.binds())


def rows(session: Session, query: str, binds: dict[str, object]) -> list[tuple[object, ...]]:
    return [tuple(row) for row in session.connection().exec_driver_sql(query, binds)]
