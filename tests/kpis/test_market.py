"""Bids against indexes and levels counted by hand, on the cases where a figure goes wrong."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.kpis import outliers, refreshing, registry, sums
from dashboard.kpis.definitions import market, sourcing
from dashboard.kpis.families import Family
from dashboard.kpis.pages.service import build
from tests.kpis.bidding import YEAR, Bidding, records_of, terms
from tests.kpis.conftest import Company

BIDS = market.BIDS


@pytest.fixture
def bidding(company: Company) -> Bidding:
    return Bidding(company)


@pytest.mark.parametrize(
    "family", [BIDS, sourcing.RFQS, sourcing.CYCLES, sourcing.AWARDS], ids=lambda each: each.name
)
def test_nothing_makes_no_facts(tenant: Session, family: Family) -> None:
    assert refreshing.rebuild(tenant, family, terms()).records == 0


@pytest.mark.parametrize("code", ["price_index", "price_level", "price_outliers"])
def test_nothing_is_no_data(bidding: Bidding, code: str) -> None:
    figure = bidding.figure(code)
    assert (figure.value, figure.n) == (None, 0)


def test_index_is_the_price_over_the_middle_bid(bidding: Bidding) -> None:
    rfq = bidding.request()
    quotes = [bidding.quote(rfq, price) for price in ("8", "10", "15")]
    facts = bidding.facts(BIDS)
    indexes = [facts[quote.lines[0].id]["index_sum"] for quote in quotes]
    assert indexes == [Decimal("0.8"), Decimal(1), Decimal("1.5")]
    assert [facts[quote.lines[0].id]["bin"] for quote in quotes] == [80, 100, 150]
    figure = bidding.figure("price_index")
    assert (figure.value, figure.n) == (Decimal("1.1"), 3)


def test_of_an_even_number_the_two_in_the_middle_share_it(bidding: Bidding) -> None:
    rfq = bidding.request()
    for price in ("10", "11", "14", "30"):
        bidding.quote(rfq, price)
    indexes = sorted(fact["index_sum"] for fact in bidding.facts(BIDS).values())
    assert indexes == [Decimal("0.8"), Decimal("0.88"), Decimal("1.12"), Decimal("2.4")]


def test_two_bids_have_no_middle_unless_the_definition_says_so(bidding: Bidding) -> None:
    rfq = bidding.request()
    bidding.quote(rfq, "10")
    bidding.quote(rfq, "20")
    reasons = {fact["price_index_why"] for fact in bidding.facts(BIDS).values()}
    assert reasons == {"excluded: fewer than 3 bids on the line"}
    assert bidding.figure("price_index").value is None
    eager = terms({"org_id": bidding.org.id, "price_index_fewest": 2})
    assert sum(fact["index_sum"] for fact in bidding.facts(BIDS, eager).values()) == 2


def test_drafts_withdrawn_and_missing_bids_are_not_in_the_middle(bidding: Bidding) -> None:
    rfq = bidding.request()
    for price in ("10", "20", "30"):
        bidding.quote(rfq, price)
    left_out = [
        bidding.quote(rfq, "1", status="withdrawn"),
        bidding.quote(rfq, "1", status="draft", at=None),
        bidding.quote(rfq, None),
        bidding.quote(rfq, ""),
        bidding.quote(rfq, "1", at="2026-07-01T00:00+00:00"),
    ]
    gone = bidding.quote(rfq, "1")
    gone.deleted_at = datetime(2026, 3, 11, tzinfo=UTC)
    facts = bidding.facts(BIDS)
    assert [facts[quote.lines[0].id]["price_index_why"] for quote in [*left_out, gone]] == [
        "excluded: the quote was withdrawn",
        "pending: the quote is not submitted",
        "excluded: no bid on this line",
        "excluded: no price",
        "pending: submitted after this moment",
        "excluded: the quote was deleted",
    ]
    assert [facts[quote.lines[0].id]["due_at"] for quote in left_out[3:]] == [
        None,
        datetime(2026, 7, 1, tzinfo=UTC),
    ]
    assert sum(fact["index_sum"] or 0 for fact in facts.values()) == Decimal(3)


def test_bids_of_a_cancelled_request_are_out(bidding: Bidding) -> None:
    rfq = bidding.request(status="cancelled")
    for price in ("10", "20", "30"):
        bidding.quote(rfq, price)
    figure = bidding.figure("price_index")
    assert (figure.value, figure.n) == (None, 0)


def test_bids_in_yen_and_dinars_are_compared_at_the_rate_of_the_day_of_sending(bidding: Bidding) -> None:
    bidding.rate("JPY", "EUR", "2026-02-28", "0.006")
    bidding.rate("JPY", "EUR", "2026-03-02", "0.5")  # after the request was sent
    bidding.rate("EUR", "KWD", "2026-01-01", "0.4")  # the other way round
    rfq = bidding.request()
    yen = bidding.quote(rfq, "1500", currency="JPY")  # 9 euros
    bidding.quote(rfq, "10")
    dinars = bidding.quote(rfq, "4.8", currency="KWD")  # 12 euros
    facts = bidding.facts(BIDS)
    assert facts[yen.lines[0].id]["index_sum"] == Decimal("0.9")
    assert facts[dinars.lines[0].id]["index_sum"] == Decimal("1.2")


def test_bid_without_a_rate_is_left_out_and_says_so(bidding: Bidding) -> None:
    rfq = bidding.request()
    for price in ("10", "20", "30"):
        bidding.quote(rfq, price)
    pounds = bidding.quote(rfq, "1", currency="GBP")
    fact = bidding.facts(BIDS)[pounds.lines[0].id]
    assert fact["price_index_why"] == "excluded: no exchange rate from GBP to EUR on 2026-03-01"
    assert bidding.figure("price_index").n == 3


def test_month_is_that_of_the_organization(bidding: Bidding) -> None:
    tokyo = bidding.company.organization("Tokyo", currency="JPY", time_zone="Asia/Tokyo")
    late = "2026-03-31T22:30+00:00"  # 00:30 of the next day in Berlin, 07:30 in Tokyo
    here, there = bidding.request(), bidding.request(org=tokyo, currency="JPY")
    utc = bidding.company.organization("Accra")
    facts = {
        quote.org_id: quote.lines[0].id
        for quote in (bidding.quote(rfq, "1", at=late) for rfq in (here, there, bidding.request(org=utc)))
    }
    months = {org: bidding.facts(BIDS)[line]["month"] for org, line in facts.items()}
    april = date(2026, 4, 1)
    assert months == {bidding.org.id: april, tokyo.id: april, utc.id: date(2026, 3, 1)}


def test_median_of_free_bids_has_no_index(bidding: Bidding) -> None:
    rfq = bidding.request()
    for price in ("0", "0", "5"):
        bidding.quote(rfq, price)
    reasons = {fact["price_index_why"] for fact in bidding.facts(BIDS).values()}
    assert reasons == {"excluded: the median bid is 0"}


def test_level_is_what_is_bid_over_what_it_should_cost(bidding: Bidding) -> None:
    bidding.rate("USD", "EUR", "2026-01-01", "0.5")
    product = bidding.product("8", currency="USD")  # 4 euros
    rfq = bidding.request("10", product=product)
    bidding.quote(rfq, "5")
    bidding.quote(rfq, "6", quantity="5")  # offers half of it
    figure = bidding.figure("price_level")
    assert (round(figure.value or 0, 9), figure.n) == (Decimal("1.333333333"), 2)


def test_level_needs_a_product_its_cost_and_a_rate_to_the_shown_currency(bidding: Bidding) -> None:
    kuwait = bidding.company.organization("Kuwait", currency="KWD", time_zone="Asia/Kuwait")
    priced = bidding.product("2", currency="KWD", org=kuwait)
    lines = [
        bidding.quote(bidding.request(), "1"),
        bidding.quote(bidding.request(product=bidding.product("0")), "1"),
        bidding.quote(bidding.request(product=bidding.product("1", currency="USD")), "1"),
        bidding.quote(bidding.request(product=priced, org=kuwait), "1.234", currency="KWD"),
    ]
    facts = bidding.facts(BIDS)
    assert [facts[quote.lines[0].id]["price_level_why"] for quote in lines] == [
        "excluded: the line names no product",
        "excluded: the product has no standard cost",
        "excluded: no exchange rate from USD to EUR on 2026-03-01",
        "excluded: no exchange rate from KWD to EUR on 2026-03-01",
    ]
    shown = bidding.facts(BIDS, terms(currency="KWD"))[lines[3].lines[0].id]
    assert (shown["level_bid_value"], shown["level_standard_value"]) == (Decimal("12.34"), 20)


def test_sealed_bids_wait_and_show_nothing_until_they_are_opened(tenant: Session, bidding: Bidding) -> None:
    clock: datetime = tenant.execute(text("SELECT clock_timestamp()")).scalar_one()
    opening = clock + timedelta(seconds=2)  # for four bids, on a busy machine
    rfq = bidding.request(sealed=True, deadline=opening)
    tenant.execute(text("SELECT seal_rfq(:rfq, :at)"), {"rfq": rfq.id, "at": opening})
    for price in ("10", "20", "40"):
        bidding.quote(rfq, price)
    bidding.quote(rfq, None)
    sealed = list(bidding.facts(BIDS, terms(as_of=clock)).values())
    assert list(bidding.facts(BIDS, terms(as_of=opening + timedelta(days=1))).values()) == sealed
    assert {str(fact["price_index_why"]).rsplit(" ", 2)[0] for fact in sealed} == {"pending: sealed until"}
    measured = [[fact[name] for name in (*BIDS.measures, "bin")] for fact in sealed]
    assert measured == [[None] * 6] * 4
    assert {fact["due_at"] for fact in sealed} == {opening}
    tenant.execute(text("SELECT pg_sleep_until(:at)"), {"at": opening + timedelta(seconds=0.1)})
    tenant.execute(text("SELECT open_quotes(:rfq)"), {"rfq": rfq.id})
    after = terms(as_of=opening + timedelta(hours=1))
    opened = sorted(fact["index_sum"] or 0 for fact in bidding.facts(BIDS, after).values())
    assert opened == [0, Decimal("0.5"), 1, 2]
    replayed = bidding.facts(BIDS, terms(as_of=opening - timedelta(seconds=0.1)))
    assert {fact["index_sum"] for fact in replayed.values()} == {None}


def test_an_index_is_drawn_as_its_distance_from_one(tenant: Session, bidding: Bidding) -> None:
    category = bidding.category()
    rfq = bidding.request(category_id=category.id)
    for place, price in enumerate(["9", "10", "12"]):
        bidding.quote(rfq, price, supplier=bidding.supplier(["Asia", "Europe", "Africa"][place]))
    refreshing.rebuild(tenant, BIDS, terms())
    args = {"from": "2026-01", "to": "2026-12", "kpi": "price_index"}
    charts = {each.name: each.chart for each in build(tenant, "market", args).charts}
    (drawn,) = charts["regions"].series
    assert (list(drawn.values), charts["regions"].unit) == ([20.0, 0.0, -10.0], "%")
    assert (charts["regions"].subtitle, charts["map"].middle) == ("Percent above or below 1", 1)
    assert {code for code, kpi in registry.KPIS.items() if kpi.is_around_one} == {
        "price_index",
        "price_level",
    }


def test_outliers_are_above_the_fence_of_their_own_category(tenant: Session, bidding: Bidding) -> None:
    wide, narrow = bidding.category(), bidding.category()
    prices = {
        wide: ("6", "8", "9", "10", "11", "12", "16"),
        narrow: ("9", "10", "10", "10", "10", "10", "16"),
    }
    for category, offered in prices.items():
        rfq = bidding.request(category_id=category.id)
        for price in offered:
            bidding.quote(rfq, price)
    refreshing.rebuild(tenant, BIDS, terms())
    filters = sums.Filters((bidding.org.id,), *YEAR)
    (whole,) = outliers.read(tenant, registry.get("price_outliers"), filters, ())
    assert (whole.value, whole.n) == (100 * Decimal(1) / 14, 14)
    by_category = outliers.read(tenant, registry.get("price_outliers"), filters, ("category_id",))
    assert {figure.keys[0]: figure.value for figure in by_category} == {
        wide.id: 0,
        narrow.id: 100 * Decimal(1) / 7,
    }
    boxes = {box.category_id: box for box in outliers.read_boxes(tenant, filters, most=2)}
    # quartiles of the one 0.85 and 1.15, of the other 1 and 1
    assert boxes[wide.id].fence == Decimal("1.15") + Decimal("1.5") * Decimal("0.3")
    assert (boxes[wide.id].most, boxes[wide.id].outliers) == (Decimal("1.6"), 0)
    assert (boxes[narrow.id].fence, boxes[narrow.id].highest) == (Decimal(1), Decimal("1.6"))


def test_fence_is_that_of_all_regions_and_the_whole_time(tenant: Session, bidding: Bidding) -> None:
    category = bidding.category()
    rfq = bidding.request(category_id=category.id)
    for place, price in enumerate(["9", "10", "10", "11", "20"]):
        supplier = bidding.supplier("Asia" if place == 4 else "Europe")
        at = f"2026-0{3 + place % 2}-10T09:00+00:00"
        bidding.quote(rfq, price, supplier=supplier, at=at)
    refreshing.rebuild(tenant, BIDS, terms())
    kpi, filters = registry.get("price_outliers"), sums.Filters((bidding.org.id,), *YEAR)
    asia = replace(filters, regions=("Asia",))
    (figure,) = sums.read(tenant, kpi, asia)  # alone it would be the middle of itself
    assert (figure.value, figure.n) == (Decimal(100), 1)
    by_region = {one.keys: one.value for one in sums.read(tenant, kpi, filters, ("region",))}
    assert by_region == {("Asia",): Decimal(100), ("Europe",): Decimal(0)}
    by_month = [(one.value, one.n) for one in sums.read(tenant, kpi, filters, ("month",))]
    assert by_month == [(100 * Decimal(1) / 3, 3), (Decimal(0), 2)]


def test_facts_of_one_record_are_asked_for_alone(tenant: Session, bidding: Bidding) -> None:
    rfq = bidding.request()
    quotes = [bidding.quote(rfq, price) for price in ("10", "20", "30")]
    assert records_of(tenant, BIDS, quotes[0].lines[0].id) == 1
