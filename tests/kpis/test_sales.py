"""Sales beside the same in plain Python, and the cases that go wrong elsewhere."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from dashboard.erp.models import Currency, Customer, FxRate, Organization, SalesOrder, SalesOrderLine
from dashboard.kpis import refreshing, registry, sums
from dashboard.kpis.definitions.sales import SALES_LINES, SHIPMENTS
from tests.kpis.conftest import Company, moment
from tests.kpis.stocking import AS_OF, Refresher, figure, figures, shown, terms, why


class Shop:
    """Sells with the fewest words; a line is (quantity, price, discount %, unit cost)."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.session = company.session
        self.org = company.org

    def sell(
        self, shipped: str | None, *lines: tuple[str, ...], org: Organization | None = None, **values: Any
    ) -> SalesOrder:
        org = org or self.org
        customer = Customer(org_id=org.id, name=f"Customer {shipped}")
        self.session.add(customer)
        self.session.flush()
        values = {"status": "shipped" if shipped else "confirmed", **values}
        made = [self._line(org, *line) for line in lines]
        order = SalesOrder(
            org_id=org.id,
            customer_id=customer.id,
            shipped_at=moment(shipped) if shipped else None,
            lines=made,
            **values,
        )
        self.session.add(order)
        self.session.flush()
        return order

    def rate(self, currency: str, day: str, value: str, to: str = "EUR") -> None:
        on = date.fromisoformat(day)
        self.session.add(FxRate(from_currency=currency, to_currency=to, on_date=on, rate=Decimal(value)))
        self.session.flush()

    @staticmethod
    def _line(
        org: Organization, quantity: str, price: str, discount: str = "0", cost: str = ""
    ) -> SalesOrderLine:
        return SalesOrderLine(
            org_id=org.id,
            description="Goods",
            quantity=Decimal(quantity),
            unit_price=Decimal(price),
            discount_percent=Decimal(discount),
            unit_cost=Decimal(cost) if cost else None,
        )


@pytest.fixture
def shop(company: Company) -> Shop:
    return Shop(company)


def compute(session: Session, **parameters: Any) -> None:
    for family in (SALES_LINES, SHIPMENTS):
        refreshing.rebuild(session, family, terms(**parameters))


def test_revenue_and_margin_of_random_orders_equal_plain_sums(tenant: Session, shop: Shop) -> None:
    rng, zone = random.Random(11), ZoneInfo("Europe/Berlin")
    expected: dict[date, tuple[Decimal, Decimal]] = {}
    for place in range(35):
        at = datetime(2025, 11, 20, 22, 50, tzinfo=UTC) + timedelta(days=4 * place + rng.uniform(0, 4))
        quantity, price, cost = (Decimal(rng.randrange(1, 5000)) / 100 for _ in range(3))
        discount = rng.choice([Decimal(0), Decimal("7.5")])
        shop.sell(at.isoformat(), (str(quantity), str(price), str(discount), str(cost)))
        exact = (quantity * price * (1 - discount / 100)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        amount = exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
        month = at.astimezone(zone).date().replace(day=1)
        revenue, margin = expected.get(month, (Decimal(0), Decimal(0)))
        expected[month] = (revenue + amount, margin + amount - quantity * cost)
    compute(tenant)
    for place, code in enumerate(("revenue", "margin")):
        found = figures(tenant, code, shop.org, "2025-10", "2026-04", by=("month",))
        assert {one.keys[0]: one.value for one in found} == {
            key: both[place] for key, both in expected.items()
        }
    share = figure(tenant, "margin_share", shop.org, "2025-10", "2026-04").value
    total, earned = (sum((both[place] for both in expected.values()), Decimal(0)) for place in (0, 1))
    assert float(share or 0) == pytest.approx(float(100 * earned / total))


def test_month_is_that_of_the_organization_when_it_was_shipped(tenant: Session, shop: Shop) -> None:
    shop.sell("2026-03-31T23:30+02:00", ("1", "5"))
    shop.sell("2026-03-31T22:30+00:00", ("1", "7"))  # already April in Berlin
    compute(tenant)
    assert figure(tenant, "revenue", shop.org, "2026-03").value == Decimal(5)
    assert figure(tenant, "revenue", shop.org, "2026-04").value == Decimal(7)


def test_amounts_have_the_decimals_of_their_currency_before_they_are_added(
    tenant: Session, shop: Shop
) -> None:
    for code, decimals in (("JPY", 0), ("KWD", 3)):
        shop.session.add(Currency(code=code, name=code, decimals=decimals))
    shop.rate("JPY", "2026-01-01", "0.01")
    shop.rate("KWD", "2026-01-01", "3")
    shop.sell("2026-03-02T08:00+01:00", ("1", "100.5"), ("1", "100.4"), currency="JPY")
    shop.sell("2026-02-02T08:00+01:00", ("1", "1.2344"), currency="KWD")
    compute(tenant)
    assert figure(tenant, "revenue", shop.org, "2026-03").value == Decimal("2.01")
    assert figure(tenant, "revenue", shop.org, "2026-02").value == Decimal("3.702")


def test_rate_is_that_of_the_day_of_shipment_and_costs_are_in_the_organizations_currency(
    tenant: Session, shop: Shop
) -> None:
    for day, value in (("2026-03-01", "0.9"), ("2026-03-10", "0.8"), ("2026-03-20", "0.5")):
        shop.rate("USD", day, value)
    shop.sell("2026-03-19T23:30+01:00", ("10", "2", "0", "1"), currency="USD")
    compute(tenant)
    assert figure(tenant, "revenue", shop.org, "2026-03").value == Decimal(16)
    assert figure(tenant, "margin", shop.org, "2026-03").value == Decimal(6)


def test_orders_own_rate_counts_where_the_table_has_none(tenant: Session, shop: Shop) -> None:
    shop.sell("2026-03-19T08:00+01:00", ("10", "2"), currency="GBP", fx_rate=Decimal("1.2"))
    compute(tenant)
    assert figure(tenant, "revenue", shop.org, "2026-03").value == Decimal(24)


def test_books_in_another_currency_are_shown_in_the_display_currency(tenant: Session, shop: Shop) -> None:
    swiss = shop.company.organization("Swiss works", currency="CHF")
    shop.rate("CHF", "2026-01-01", "1.1")
    shop.rate("USD", "2026-01-01", "0.5", to="CHF")
    shop.sell("2026-03-19T08:00+01:00", ("10", "2", "0", "0.5"), currency="USD", org=swiss)
    compute(tenant)
    assert figure(tenant, "revenue", swiss, "2026-03").value == Decimal(11)
    assert figure(tenant, "margin", swiss, "2026-03").value == Decimal("5.5")


def test_what_does_not_count_says_why_and_is_never_zero(tenant: Session, shop: Shop) -> None:
    shipped = "2026-04-02T08:00+02:00"
    shop.sell(shipped, ("1", "5"), status="cancelled")
    shop.sell(None, ("1", "5"), status="draft")
    shop.sell(None, ("1", "5"))
    shop.sell("2026-04-16T08:00+02:00", ("1", "5"))
    shop.sell(None, ("1", "5"), status="closed")
    shop.sell(shipped, ("1", "5"), currency="JPY")
    shop.sell(shipped, ("1", "5"), deleted_at=moment(shipped), status="draft")
    compute(tenant)
    assert why(tenant, SALES_LINES, "revenue") == [
        "excluded: the order was cancelled",
        "excluded: the order is a draft",
        "pending: not shipped yet",
        "pending: not shipped yet",
        "excluded: nobody noted when it was shipped",
        "excluded: no exchange rate from JPY",
        "excluded: the order was deleted",
    ]
    for code in ("revenue", "margin", "margin_share", "on_time_shipment"):
        assert figure(tenant, code, shop.org, "2026-04").value is None, code


def test_what_waits_stands_in_the_month_it_is_promised_for_whenever_it_is_looked_at(
    tenant: Session, shop: Shop
) -> None:
    shop.sell(None, ("1", "5"), promised_on=date(2026, 6, 8))
    shop.sell(None, ("1", "5"), ordered_on=date(2026, 2, 3))
    months = []
    for as_of in (AS_OF, AS_OF + timedelta(days=30)):
        compute(tenant, as_of=as_of)
        found = tenant.connection().exec_driver_sql(
            "SELECT family, month FROM kpi_fact ORDER BY 1, record_id"
        )
        months.append([(family, month.month) for family, month in found])
    expected = [(family, month) for family in ("sales_lines", "shipments") for month in (6, 2)]
    assert months == [expected, expected]


def test_line_without_a_cost_is_sold_but_has_no_margin(tenant: Session, shop: Shop) -> None:
    shop.sell("2026-03-02T08:00+01:00", ("2", "10", "0", "4"), ("1", "100"), freight=Decimal(30))
    compute(tenant)
    revenue, margin = (figure(tenant, code, shop.org, "2026-03") for code in ("revenue", "margin"))
    assert (revenue.value, revenue.n) == (Decimal(120), 2)
    assert (margin.value, margin.n) == (Decimal(12), 1)
    assert figure(tenant, "margin_share", shop.org, "2026-03").value == Decimal(60)
    assert why(tenant, SALES_LINES, "margin") == ["", "excluded: its cost at shipment is not known"]


@pytest.mark.parametrize(
    ("shipped", "tolerance", "expected"),
    [
        ("2026-04-08T23:30+02:00", 0, 100),
        ("2026-04-08T22:30+00:00", 0, 0),
        ("2026-04-08T22:30+00:00", 1, 100),
        (None, 0, 0),
        (None, 7, 0),
        (None, 8, None),
        ("2026-04-02T08:00+02:00", 8, None),
    ],
    ids=[
        "that evening",
        "after midnight",
        "in tolerance",
        "overdue",
        "due today",
        "not due",
        "early, not due",
    ],
)
def test_order_is_on_time_by_the_promised_day_plus_tolerance(
    tenant: Session, shop: Shop, shipped: str | None, tolerance: int, expected: int | None
) -> None:
    shop.sell(shipped, ("1", "5"), promised_on=date(2026, 4, 8))
    shop.sell(shipped, ("1", "5"), promised_on=date(2026, 4, 8), status="cancelled")
    compute(tenant, orgs=[shop.org], on_time_shipment_tolerance=tolerance)
    assert figure(tenant, "on_time_shipment", shop.org, "2026-04").value == expected


def test_promise_falls_due_without_anybody_changing_the_order(tenant: Session, shop: Shop) -> None:
    order = shop.sell(None, ("1", "5"), promised_on=date(2026, 4, 20))
    compute(tenant)
    due = tenant.connection().exec_driver_sql(
        "SELECT record_id, due_at FROM kpi_fact WHERE due_at IS NOT NULL"
    )
    midnight = datetime(2026, 4, 20, tzinfo=ZoneInfo(shop.org.time_zone))
    assert [tuple(row) for row in due] == [(order.id, midnight)]
    assert not refreshing.due_families(tenant, ["shipments"], midnight - timedelta(microseconds=1))
    assert refreshing.due_families(tenant, ["shipments"], midnight)
    refreshing.refresh(tenant, SHIPMENTS, terms(midnight))
    assert figure(tenant, "on_time_shipment", shop.org, "2026-04").value == Decimal(0)


def test_refresh_of_what_was_touched_equals_computing_all(tenant: Session, shop: Shop) -> None:
    shop.session.add(Currency(code="JPY", name="Yen", decimals=2))
    orders = [
        shop.sell(f"2026-0{month}-05T08:00+01:00", ("3", "3.335", "0", "1"), promised_on=date(2026, month, 4))
        for month in (1, 2, 3)
    ]
    yen = shop.sell("2026-03-05T08:00+01:00", ("3", "33.335"), currency="JPY")
    compute(tenant)
    refresher = Refresher(tenant, ("sales_lines", "shipments"))
    orders[0].status = "cancelled"
    orders[1].lines[0].unit_price = Decimal(7)
    orders[2].shipped_at = moment("2026-03-01T08:00+01:00")
    shop.session.delete(yen.lines[0])
    shop.sell("2026-03-06T08:00+01:00", ("3", "33.335"), currency="JPY")
    shop.session.query(Currency).filter_by(code="JPY").update({"decimals": 0})
    shop.rate("JPY", "2026-03-04", "0.006")
    refresher.run(terms())
    by_parts = shown(tenant, "sales")
    compute(tenant)
    assert by_parts == shown(tenant, "sales")
    assert figure(tenant, "revenue", shop.org, "2026-03").value == Decimal("10.01") + 100 * Decimal("0.006")


def test_direct_question_equals_the_sums(tenant: Session, shop: Shop) -> None:
    shop.sell("2026-03-02T08:00+01:00", ("2", "10", "0", "4"), promised_on=date(2026, 3, 3))
    compute(tenant)
    filters = sums.Filters((shop.org.id,), date(2026, 1, 1), date(2026, 4, 1))
    for kpi in registry.of_area("sales"):
        assert sums.direct(tenant, kpi, filters, terms()) == sums.read(tenant, kpi, filters), kpi.code
