"""Funnel, cycle time, competition and savings against counts made by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from dashboard.kpis import refreshing, registry, sums
from dashboard.kpis.definitions import sourcing
from tests.kpis.bidding import YEAR, Bidding, terms
from tests.kpis.conftest import Company

RFQS, CYCLES, AWARDS = sourcing.RFQS, sourcing.CYCLES, sourcing.AWARDS
OVER = datetime(2026, 3, 20, tzinfo=UTC)
FUNNEL = ("rfqs_sent", "rfqs_quoted", "rfqs_awarded", "rfqs_ordered")


@pytest.fixture
def bidding(company: Company) -> Bidding:
    return Bidding(company)


@pytest.mark.parametrize(
    "code", [kpi.code for kpi in registry.of_area("sourcing") if kpi.family in {"rfqs", "cycles", "awards"}]
)
def test_nothing_is_no_data(bidding: Bidding, code: str) -> None:
    figure = bidding.figure(code)
    assert (figure.value, figure.n) == (None, 0)


def test_funnel_counts_how_far_the_requests_of_a_month_came(tenant: Session, bidding: Bidding) -> None:
    bidding.request(status="draft", sent=None)
    bidding.request(status="sent")
    bidding.request(status="cancelled")
    quoted = bidding.request()
    bidding.quote(quoted, "10")
    withdrawn = bidding.request()
    bidding.quote(withdrawn, "10", status="withdrawn")
    awarded, ordered, drafted = bidding.request(), bidding.request(), bidding.request()
    for rfq in (awarded, ordered, drafted):
        bidding.award(bidding.quote(rfq, "10"))
    bidding.order(None, "10", "2026-03-25", rfq=ordered)
    bidding.order(None, "10", "2026-03-25", rfq=drafted, status="draft")
    assert [bidding.figure(code).value for code in FUNNEL] == [7, 4, 3, 1]
    cancelled = bidding.figure("rfqs_cancelled")
    assert (round(cancelled.value or 0, 4), cancelled.n) == (Decimal("14.2857"), 7)
    by_month = sums.read(
        tenant, registry.get("rfqs_sent"), sums.Filters((bidding.org.id,), *YEAR), ("month",)
    )
    assert {figure.keys[0]: figure.value for figure in by_month if figure.n} == {date(2026, 3, 1): 7}


def test_nothing_awarded_of_what_was_sent_is_none_and_not_no_data(bidding: Bidding) -> None:
    bidding.request(status="sent")
    awarded = bidding.figure("rfqs_awarded")
    assert (awarded.value, awarded.n) == (Decimal(0), 1)


def test_request_that_came_in_awarded_counts_as_awarded_and_has_no_cycle_time(bidding: Bidding) -> None:
    rfq = bidding.request(status="closed", sent="2025-01-01T00:00+00:00")
    assert rfq.awarded_at is None
    fact = bidding.facts(RFQS)[rfq.id]
    assert (fact["quoted"], fact["awarded"], fact["ordered"]) == (1, 1, 0)
    assert bidding.facts(CYCLES)[rfq.id]["cycle_time_why"] == "excluded: nobody knows when it was awarded"


def test_single_bids_are_counted_once_bidding_is_over(bidding: Bidding) -> None:
    alone = bidding.request(deadline=OVER)
    bidding.quote(alone, "10")
    bidding.quote(alone, "9", status="withdrawn")
    bidding.quote(alone, "9", status="draft", at=None)
    three = bidding.request(deadline=OVER)
    for price in ("10", "11", "12"):
        bidding.quote(three, price)
    single, competition = bidding.figure("single_bid"), bidding.figure("quotes_per_request")
    assert (single.value, single.n) == (Decimal(50), 2)
    assert (competition.value, competition.n) == (Decimal(2), 2)


def test_open_and_unanswered_requests_are_in_no_single_bid_share(bidding: Bidding) -> None:
    ahead = bidding.request(deadline=datetime(2026, 7, 4, 23, tzinfo=UTC))
    early = bidding.request(deadline=datetime(2026, 7, 4, tzinfo=UTC), early_close_reason="All have answered")
    rfqs = [
        ahead,
        bidding.request(status="sent"),
        bidding.request(deadline=OVER),
        bidding.request(status="cancelled", deadline=OVER),
        bidding.request(status="draft", sent=None),
        bidding.request(sent="2026-07-01T00:00+00:00"),
    ]
    bidding.quote(ahead, "1")
    bidding.quote(early, "1")
    facts = bidding.facts(RFQS)
    assert [facts[rfq.id]["single_bid_why"] for rfq in rfqs] == [
        "pending: until 2026-07-05 01:00",
        "pending: no deadline",
        "excluded: nobody made an offer",
        "excluded: cancelled",
        "pending: not sent",
        "pending: sent after this moment",
    ]
    assert (facts[ahead.id]["due_at"], facts[early.id]["single_bids"]) == (ahead.deadline, 1)
    assert facts[rfqs[5].id]["due_at"] == datetime(2026, 7, 1, tzinfo=UTC)


def test_cycle_time_is_the_median_in_whole_hours_by_month_of_the_award(
    tenant: Session, bidding: Bidding
) -> None:
    for sent, awarded in (
        ("2026-03-01T00:00+00:00", "2026-03-02T00:29+00:00"),  # 24 h
        ("2026-03-01T00:00+00:00", "2026-03-02T12:31+00:00"),  # 37 h
        ("2026-03-01T00:00+00:00", "2026-03-31T22:30+00:00"),  # in April where the organization is
    ):
        bidding.company.award(sent, awarded)
    refreshing.rebuild(tenant, CYCLES, terms())
    filters = sums.Filters((bidding.org.id,), *YEAR)
    march, april = sums.read(tenant, registry.get("cycle_time"), filters, ("month",))
    assert (march.keys, march.value, march.n) == ((date(2026, 3, 1),), Decimal("30.5"), 2)
    assert (april.keys, april.value, april.n) == ((date(2026, 4, 1),), Decimal(743), 1)


def test_unawarded_requests_have_no_cycle_time(bidding: Bidding) -> None:
    later = bidding.company.award("2026-03-01T00:00+00:00", "2026-06-30T22:30+00:00")
    rfqs = [
        bidding.request(status="draft", sent=None),
        bidding.request(),
        bidding.request(status="cancelled"),
        later,
    ]
    facts = bidding.facts(CYCLES)
    assert [facts[rfq.id]["cycle_time_why"] for rfq in rfqs] == [
        "pending: not sent",
        "pending: not awarded",
        "excluded: cancelled",
        "pending: awarded after this moment",
    ]
    assert facts[later.id]["due_at"] == datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    assert {facts[rfq.id]["bin"] for rfq in rfqs} == {None}


def test_savings_against_the_target_price_weigh_by_quantity(bidding: Bidding) -> None:
    bidding.rate("USD", "EUR", "2026-01-01", "0.5")
    bidding.rate("USD", "EUR", "2026-03-21", "0.1")  # a day too late
    bidding.award(bidding.quote(bidding.request("10", target="12"), "10"), "8")
    bidding.award(bidding.quote(bidding.request("100", target="3", currency="USD"), "1"))
    share, amount, value = (bidding.figure(code) for code in ("savings", "saved_amount", "awarded_value"))
    # 8 * (12 - 10) + 100 * (1.50 - 1) of 8 * 12 + 100 * 1.50
    assert (amount.value, amount.n) == (Decimal(66), 2)
    assert round(share.value or 0, 6) == round(Decimal(6600) / 246, 6)
    assert value.value == 180


def test_mean_bid_is_that_of_all_bids_of_the_line_in_one_currency(bidding: Bidding) -> None:
    bidding.rate("JPY", "EUR", "2026-01-01", "0.01")
    rfq = bidding.request("10")
    award = bidding.award(bidding.quote(rfq, "8"))
    bidding.quote(rfq, "1200", currency="JPY")
    bidding.quote(rfq, "10", status="rejected")
    bidding.quote(rfq, "99", status="withdrawn")
    alone = bidding.award(bidding.quote(bidding.request("10"), "8"))
    facts = bidding.facts(AWARDS, terms({"org_id": bidding.org.id, "savings_baseline": "mean bid"}))
    assert (facts[award.id]["baseline_value"], facts[award.id]["saved"]) == (100, 20)
    assert facts[alone.id]["savings_why"] == "excluded: fewer than two bids"
    assert facts[alone.id]["awarded_value"] == 80


def test_last_paid_is_the_newest_earlier_order_of_the_product(bidding: Bidding) -> None:
    bidding.rate("USD", "EUR", "2026-01-01", "0.5")
    product = bidding.product("1")
    bidding.order(product, "30", "2026-02-01", currency="USD")
    bidding.order(product, "14", "2026-01-01")
    bidding.order(product, "99", "2026-02-02", status="cancelled")
    bidding.order(product, "99", "2026-03-20")  # not before the day of the award
    rfq = bidding.request("10", product=product)
    bidding.order(product, "99", "2026-02-04", rfq=rfq)
    award = bidding.award(bidding.quote(rfq, "12"))
    new = bidding.award(bidding.quote(bidding.request("10", product=bidding.product("1")), "12"))
    facts = bidding.facts(AWARDS, terms({"org_id": bidding.org.id, "savings_baseline": "last paid"}))
    assert (facts[award.id]["baseline_value"], facts[award.id]["saved"]) == (150, 30)
    assert facts[new.id]["savings_why"] == "excluded: no earlier order of the product"


def test_award_without_its_baseline_or_a_rate_is_out_and_says_so(bidding: Bidding) -> None:
    unknown = bidding.award(bidding.quote(bidding.request("10"), "8"))
    pounds = bidding.award(bidding.quote(bidding.request("10", target="9"), "8", currency="GBP"))
    dinars = bidding.award(bidding.quote(bidding.request("10", target="9", currency="KWD"), "8"))
    free = bidding.award(bidding.quote(bidding.request("10", target="0.0000"), "0"))
    later = bidding.award(bidding.quote(bidding.request("10", target="9"), "8"), at="2026-07-01T00:00+00:00")
    free.rfq_line.target_price = Decimal(0)
    facts = bidding.facts(AWARDS)
    assert [facts[award.id]["savings_why"] for award in (unknown, pounds, dinars, free, later)] == [
        "excluded: the line has no target price",
        "excluded: no exchange rate from GBP to EUR on 2026-03-20",
        "excluded: no exchange rate from KWD to EUR on 2026-03-20",
        "excluded: the baseline is 0",
        "pending: awarded after this moment",
    ]
    assert [facts[award.id]["awarded_value"] for award in (unknown, pounds, later)] == [80, None, None]
    assert facts[later.id]["due_at"] == datetime(2026, 7, 1, tzinfo=UTC)


def test_split_line_counts_each_part_for_its_supplier(bidding: Bidding) -> None:
    rfq = bidding.request("10", target="10")
    first, second = bidding.quote(rfq, "8"), bidding.quote(rfq, "9")
    bidding.award(first, "6")
    bidding.award(second, "4")
    by_supplier = [
        bidding.figure("saved_amount", subject_id=quote.supplier_id).value for quote in (first, second)
    ]
    assert by_supplier == [12, 4]
