"""Stock by month and its age, beside the same in plain Python."""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.models import FxRate, Product, ProductCategory, Warehouse
from dashboard.kpis import registry, sums
from dashboard.kpis.definitions.stock_families import STOCK, STOCK_MONTHS
from dashboard.kpis.models import KpiMove
from tests.kpis.conftest import Company
from tests.kpis.stocking import AS_OF, Refresher, Store, compute, figure, figures, shown, terms, why

TODAY = AS_OF.date()
MONTHS = [
    (date(2025, 11, 1), date(2025, 11, 30)),
    (date(2026, 2, 1), date(2026, 2, 28)),
    (date(2026, 4, 1), TODAY),
]


@pytest.fixture
def store(company: Company) -> Store:
    return Store(company, company.org)


def second(store: Store, name: str, currency: str, zone: str) -> Store:
    return Store(store.company, store.company.organization(name, currency=currency, time_zone=zone))


def rate(tenant: Session, currency: str, day: str, value: str) -> None:
    on = date.fromisoformat(day)
    tenant.add(FxRate(from_currency=currency, to_currency="EUR", on_date=on, rate=Decimal(value)))
    tenant.flush()


def book_at_random(store: Store, seed: int, count: int = 60) -> tuple[list[Product], list[Warehouse]]:
    """Receipts, shipments, returns, adjustments and transfers, some booked later than they happened."""
    rng = random.Random(seed)
    products = [store.product(f"R-{n}") for n in range(2)]
    halls = [store.warehouse(f"R{n}") for n in range(2)]
    at = datetime(2025, 9, 20, 21, 40, tzinfo=UTC)
    for _ in range(count):
        at += timedelta(days=rng.expovariate(count / 200), minutes=rng.randrange(300))
        if at > AS_OF:
            break
        book_one(store, rng, rng.choice(products), rng.sample(halls, 2), at)
    return products, halls


def book_one(
    store: Store, rng: random.Random, product: Product, halls: list[Warehouse], at: datetime
) -> None:
    there = store.held.get((product.id, halls[0].id), (Decimal(0),))[0]
    kind = rng.choice(["in", "in", "out", "out", "transfer", "back", "found"])
    late = at - timedelta(days=rng.choice([0, 0, 0, 20]))
    cost = str(round(rng.uniform(1, 9), 4))
    taken = str(-(there * rng.randrange(1, 10) / 10).quantize(Decimal("0.001")))
    if kind == "in" or not there:
        store.move(product, halls[0], late, str(rng.randrange(1, 90)), cost)
    elif kind == "out":
        store.move(product, halls[0], at, taken)
    elif kind == "transfer":
        store.move(product, halls[0], at, taken, source="transfer")
        average = store.held[product.id, halls[0].id][1]
        store.move(product, halls[1], at, taken[1:], str(average), source="transfer")
    else:
        source = "shipment" if kind == "back" else "adjustment"
        store.move(product, halls[0], at, str(rng.randrange(1, 9)), cost, source=source)


@pytest.mark.parametrize("seed", [1, 2])
def test_stock_of_random_moves_equals_a_ledger(tenant: Session, store: Store, seed: int) -> None:
    products, _halls = book_at_random(store, seed)
    compute(tenant)
    for first, last in MONTHS:
        month = f"{first:%Y-%m}"
        assert figure(tenant, "stock_value", store.org, month).value == store.value_on(last)
        assert figure(tenant, "shipped_cost", store.org, month).value == store.shipped_cost(first, last)
    assert any(store.day(move) != move.at.date() for move in store.moves)
    year = (date(2025, 9, 1), TODAY)
    cost, days = store.shipped_cost(*year), store.value_days(*year)
    assert float(
        figure(tenant, "stock_turnover", store.org, "2025-09", "2026-04").value or 0
    ) == pytest.approx(
        float(cost / (days / ((year[1] - year[0]).days + 1)) * 365 / ((year[1] - year[0]).days + 1))
    )
    one = products[0].id
    found = figure(tenant, "stock_days", store.org, "2025-12", "2026-01", subject_id=one).value
    span = (date(2025, 12, 1), date(2026, 1, 31), one)
    assert float(found or 0) == pytest.approx(float(store.value_days(*span) / store.shipped_cost(*span)))


@pytest.mark.parametrize("seed", [3, 4])
def test_age_of_random_stock_equals_a_queue_of_receipts(tenant: Session, store: Store, seed: int) -> None:
    products, _halls = book_at_random(store, seed)
    compute(tenant)
    kept = tenant.connection().exec_driver_sql(
        "SELECT product_id, age_30, age_90, age_180, age_older, on_hand FROM kpi_stock"
    )
    found = {row[0]: tuple(row[1:]) for row in kept}
    for product in products:
        expected = [Decimal(0)] * 4
        for day, quantity in store.layers(product.id):
            age = (TODAY - day).days
            expected[0 if age <= 30 else 1 if age <= 90 else 2 if age <= 180 else 3] += quantity
        assert found[product.id] == (*expected, sum(expected))
    assert len({move.source for move in store.moves}) == 4
    assert sum(any(row[age] for row in found.values()) for age in range(4)) > 1


def test_refresh_of_what_was_touched_equals_computing_all(tenant: Session, store: Store) -> None:
    products, halls = book_at_random(store, seed=5, count=25)
    other = second(store, "Tokyo works", "JPY", "Asia/Tokyo")
    other.move(other.product("J-1"), other.warehouse("T1"), "2026-01-05T09:00+09:00", "5", "100")
    compute(tenant)
    refresher = Refresher(tenant, ("stock_months", "stock"))
    rng = random.Random(6)
    for at in ("2026-01-31T22:30+00:00", "2026-04-02T08:00+00:00", "2025-12-01T08:00+00:00"):
        book_one(store, rng, rng.choice(products), rng.sample(halls, 2), datetime.fromisoformat(at))
    for day in ("2026-01-10", "2026-03-31"):
        rate(tenant, "JPY", day, "0.006")
    products[0].category_id = category(store, "Bolts").id
    store.company.receive("2026-04-02T10:00+02:00", 5, "1").lines[0].order_line.product_id = products[1].id
    tenant.flush()
    refresher.run(terms())
    by_parts = shown(tenant, "stock")
    compute(tenant)
    assert by_parts == shown(tenant, "stock")
    values = {
        one.keys: one.value
        for one in figures(tenant, "stock_value", other.org, "2026-01", "2026-04", by=("month",))
    }
    assert values[date(2026, 1, 1),] == Decimal(3)


def category(store: Store, name: str) -> ProductCategory:
    made = ProductCategory(org_id=store.org.id, code=name.upper(), name=name)
    store.company.session.add(made)
    store.company.session.flush()
    return made


def test_goods_leave_at_the_average_whatever_the_move_says(tenant: Session, store: Store) -> None:
    product, hall = store.product("A-1"), store.warehouse("H1")
    store.move(product, hall, "2026-03-02T08:00+01:00", "10", "2")
    store.move(product, hall, "2026-03-03T08:00+01:00", "10", "4")
    store.move(product, hall, "2026-03-04T08:00+01:00", "-5", "99")
    moves = select(KpiMove.value).where(KpiMove.product_id == product.id).order_by(KpiMove.move_id)
    values = tenant.scalars(moves).all()
    assert values == [Decimal(20), Decimal(40), Decimal(-15)]
    compute(tenant)
    assert figure(tenant, "stock_value", store.org, "2026-03").value == Decimal(45)
    assert figure(tenant, "shipped_cost", store.org, "2026-03").value == Decimal(15)
    # 20 on the second, 60 on the third, 45 on the twenty-eight days that are left
    days = figure(tenant, "stock_days", store.org, "2026-03").value
    assert days is not None
    assert round(days, 20) == round(Decimal(20 + 60 + 28 * 45) / 15, 20)


def test_moves_loaded_while_the_trigger_rested_get_the_same_values(tenant: Session, store: Store) -> None:
    book_at_random(store, seed=7, count=30)
    ask = tenant.connection().exec_driver_sql
    query = (
        "SELECT k.move_id, k.moved_at, k.source, k.quantity, k.value FROM kpi_move k"
        " JOIN stock_move m ON m.id = k.move_id WHERE m.org_id = %(org)s ORDER BY k.move_id"
    )
    ours = {"org": store.org.id}
    before = ask(query, ours).fetchall()
    ask("DELETE FROM kpi_move WHERE move_id %% 3 <> 0", {})
    ask("SELECT value_stock_moves()")
    assert ask(query, ours).fetchall() == before
    assert [row[4] for row in before] == [move.value for move in store.moves]


def test_value_now_is_balance_times_average_cost_and_carries_over_quiet_months(
    tenant: Session, store: Store
) -> None:
    product, hall = store.product("A-1"), store.warehouse("H1")
    store.move(product, hall, "2025-12-31T23:30+01:00", "3", "1.3333")
    store.move(product, hall, "2026-01-01T00:10+01:00", "4", "2.7777")
    compute(tenant)
    balance = "SELECT sum(quantity * average_cost) FROM stock_balance"
    assert figure(tenant, "stock_value", store.org, "2026-04").value == (
        tenant.connection().exec_driver_sql(balance).scalar_one()
    )
    assert figure(tenant, "stock_value", store.org, "2025-12").value == Decimal("3.9999")
    months = figures(tenant, "stock_value", store.org, "2025-11", "2026-04", by=("month",))
    assert [one.keys[0].month for one in months] == [12, 1, 2, 3, 4]
    assert len({one.value for one in months[1:]}) == 1
    # the year is not over: its value is that of the last month there is
    assert figure(tenant, "stock_value", store.org, "2026-01", "2026-12").value == months[-1].value
    assert figure(tenant, "stock_value", store.org, "2025-10", "2025-11").value is None


def test_direct_question_equals_the_sums_and_replays_an_earlier_day(tenant: Session, store: Store) -> None:
    book_at_random(store, seed=8, count=30)
    compute(tenant)
    for kpi in registry.of_area("stock"):
        filters = sums.Filters((store.org.id,), date(2025, 11, 1), date(2026, 12, 1))
        assert sums.direct(tenant, kpi, filters, terms()) == sums.read(tenant, kpi, filters), kpi.code
    then = terms(datetime(2026, 2, 10, 12, tzinfo=UTC))
    filters = sums.Filters((store.org.id,), date(2025, 11, 1), date(2026, 4, 1))
    (value,) = sums.direct(tenant, registry.get("stock_value"), filters, then)
    assert value.value == store.value_on(date(2026, 2, 10))


def test_move_of_tomorrow_waits_for_its_day(tenant: Session, store: Store) -> None:
    product, hall = store.product("A-1"), store.warehouse("H1")
    store.move(product, hall, "2026-04-10T08:00+02:00", "3", "2")
    store.move(product, hall, "2026-04-16T00:10+02:00", "5", "2")
    compute(tenant)
    assert figure(tenant, "stock_value", store.org, "2026-04").value == Decimal(6)
    assert figure(tenant, "stock_aged", store.org, "2026-04").n == 1
    compute(tenant, terms(datetime(2026, 4, 15, 22, 30, tzinfo=UTC)))
    assert figure(tenant, "stock_value", store.org, "2026-04").value == Decimal(16)


def test_new_month_has_begun_for_all_when_it_has_begun_anywhere(tenant: Session, store: Store) -> None:
    store.move(store.product("A-1"), store.warehouse("H1"), "2026-04-10T08:00+02:00", "3", "2")
    compute(tenant, terms(datetime(2026, 4, 30, 10, 30, tzinfo=UTC)))
    assert figure(tenant, "stock_value", store.org, "2026-05").value == Decimal(6)
    assert figure(tenant, "stock_days", store.org, "2026-05").value is None


def test_value_is_shown_at_the_rate_of_the_months_last_day(tenant: Session, store: Store) -> None:
    kuwait = second(store, "Kuwait works", "KWD", "Asia/Kuwait")
    for day, value in (
        ("2026-02-28", "3"),
        ("2026-03-01", "3.1"),
        ("2026-04-14", "3.25"),
        ("2026-04-20", "9"),
    ):
        rate(tenant, "KWD", day, value)
    kuwait.move(kuwait.product("K-1"), kuwait.warehouse("K1"), "2026-02-03T08:00+03:00", "2", "1.125")
    compute(tenant)
    months = figures(tenant, "stock_value", kuwait.org, "2026-02", "2026-04", by=("month",))
    assert [one.value for one in months] == [Decimal("6.75"), Decimal("6.975"), Decimal("7.3125")]


def test_stock_without_a_rate_is_no_data_and_says_why(tenant: Session, store: Store) -> None:
    tokyo = second(store, "Tokyo works", "JPY", "Asia/Tokyo")
    tokyo.move(tokyo.product("J-1"), tokyo.warehouse("T1"), "2026-04-03T08:00+09:00", "5", "100")
    compute(tenant)
    for code in ("stock_value", "shipped_cost", "stock_turnover", "stock_days", "stock_aged"):
        assert figure(tenant, code, tokyo.org, "2026-04").value is None, code
    assert why(tenant, STOCK_MONTHS, "stock_value") == ["excluded: no exchange rate from JPY"]
    assert why(tenant, STOCK, "stock_aged") == ["excluded: no exchange rate from JPY"]


def test_nothing_in_stock_is_no_data(tenant: Session, store: Store) -> None:
    compute(tenant)
    for kpi in registry.of_area("stock"):
        assert figure(tenant, kpi.code, store.org, "2026-01", "2026-04").value is None, kpi.code


def test_move_with_an_impossible_year_belongs_to_the_opening(tenant: Session, store: Store) -> None:
    product, hall = store.product("A-1"), store.warehouse("H1")
    store.move(product, hall, datetime(206, 3, 1, tzinfo=UTC), "2", "5")
    store.move(product, hall, "2026-04-01T08:00+02:00", "2", "5")
    compute(tenant)
    assert figure(tenant, "stock_value", store.org, "2026-04").value == Decimal(20)
    assert figure(tenant, "stock_value", store.org, "2000-01").value == Decimal(10)
    assert figure(tenant, "stock_aged", store.org, "2026-04").value == Decimal(50)


def test_ages_end_with_their_last_day_and_the_oldest_go_first(tenant: Session, store: Store) -> None:
    product, hall = store.product("A-1"), store.warehouse("H1")
    for place, days in enumerate((300, 181, 180, 91, 90, 31, 30, 0)):
        came = datetime.combine(TODAY - timedelta(days=days), time(0, 30), store.zone)
        store.move(product, hall, came, str(10**place), "1")
    store.move(product, hall, "2026-04-15T09:00+02:00", "-6")  # five of the second layer are left
    compute(tenant)
    row = (
        tenant.connection().exec_driver_sql("SELECT age_older, age_180, age_90, age_30 FROM kpi_stock").one()
    )
    assert tuple(row) == (5, 1100, 110000, 11000000)
    share = figure(tenant, "stock_aged", store.org, "2026-04").value
    assert share is not None
    assert round(share, 20) == round(Decimal(500) / 11111105, 20)


def test_transfer_makes_nothing_younger(tenant: Session, store: Store) -> None:
    product, old, new = store.product("A-1"), store.warehouse("H1"), store.warehouse("H2")
    store.move(product, old, "2025-06-01T08:00+02:00", "10", "2")
    store.move(product, old, "2026-04-14T08:00+02:00", "-10", source="transfer")
    store.move(product, new, "2026-04-14T08:00+02:00", "10", "2", source="transfer")
    compute(tenant)
    assert figure(tenant, "stock_aged", store.org, "2026-04").value == Decimal(100)
    assert figure(tenant, "stock_value", store.org, "2026-04").value == Decimal(20)
