"""Supplier KPIs on planted cases, against figures made by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from dashboard.erp.models import Award, Quote, QuoteLine, QuoteRevision, Rfq, RfqLine
from dashboard.kpis import registry
from tests.kpis.supplying import FAMILIES, Supplying

OWN = [kpi.code for family in FAMILIES for kpi in registry.of_family(family.name)]


@pytest.fixture
def books(tenant: Session) -> Supplying:
    """The company, inside acme."""
    return Supplying(tenant)


@pytest.mark.parametrize("code", OWN, ids=OWN)
def test_where_there_is_nothing_there_is_no_data(books: Supplying, code: str) -> None:
    books.rebuild()
    assert books.figure(code) == (None, 0)


def test_a_day_ends_at_midnight_of_the_organization(books: Supplying) -> None:
    maker = books.supplier("Late by an hour")
    books.deliver(books.order(maker), "2026-03-31T21:59+00:00", 10)
    books.deliver(books.order(maker), "2026-03-31T22:00+00:00", 10)  # midnight in Berlin: the first of April
    books.rebuild()
    assert books.figure("otif") == (Decimal(50), 2)
    assert books.figure("spend") == (Decimal(20), 1)
    assert books.figure("spend", first="2026-04") == (Decimal(20), 1)
    books.rebuild(otif_tolerance=1)
    assert books.figure("otif") == (Decimal(100), 2)


def test_only_what_was_accepted_in_time_counts_as_in_full(books: Supplying) -> None:
    maker = books.supplier("Maker")
    over, split, spoilt, short = (books.order(maker) for _ in range(4))
    books.deliver(over, "2026-03-30T08:00+00:00", 12)
    books.deliver(split, "2026-03-20T08:00+00:00", 4)
    books.deliver(split, "2026-03-31T08:00+00:00", 6)
    books.deliver(spoilt, "2026-03-30T08:00+00:00", 10, 1)
    books.deliver(spoilt, "2026-04-01T08:00+00:00", 1)  # the replacement is late
    books.deliver(short, "2026-03-30T08:00+00:00", 8)
    books.rebuild()
    assert books.figure("otif") == (Decimal(50), 4)
    books.rebuild(otif_full=90)
    assert books.figure("otif") == (Decimal(75), 4)
    books.rebuild(otif_full=80)
    assert books.figure("otif") == (Decimal(100), 4)


def test_overdue_lines_fail_and_cancelled_ones_are_out(books: Supplying) -> None:
    maker = books.supplier("Maker")
    books.order(maker)
    books.order(maker, status="cancelled")
    books.order(maker, status="draft")
    books.order(maker, promised=None)
    books.order(maker, promised="2026-04-16")
    books.order(maker, promised="2026-04-15")
    books.rebuild()
    assert books.figure("otif") == (Decimal(0), 1)
    assert books.figure("otif", first="2026-04") == (Decimal(0), 1)
    assert books.why("deliveries", "otif") == [
        "",
        "excluded: the order was cancelled",
        "excluded: not sent",
        "excluded: no day was promised",
        "pending: due 2026-04-16",
        "",
    ]


def test_what_is_pending_says_when_it_falls_due(books: Supplying) -> None:
    line = books.order(books.supplier("Maker"), promised="2026-04-16")
    books.rebuild(otif_tolerance=2)
    due = books.session.connection().exec_driver_sql(
        f"SELECT due_at FROM kpi_fact WHERE family = 'deliveries' AND record_id = {line.id}"
    )
    assert due.scalar_one() == datetime(2026, 4, 18, tzinfo=ZoneInfo(books.org.time_zone))


def test_an_earlier_day_sees_only_what_had_come_by_then(books: Supplying) -> None:
    maker = books.supplier("Maker")
    line = books.order(maker, promised="2026-03-10")
    books.deliver(line, "2026-03-09T08:00+00:00", 4)
    books.deliver(line, "2026-03-10T08:00+00:00", 6)
    books.order(maker, ordered="2026-04-01", promised="2026-03-10")
    books.rebuild(datetime(2026, 3, 10, 7, tzinfo=UTC))
    assert books.figure("otif") == (Decimal(0), 1)
    assert books.figure("spend") == (Decimal(8), 1)
    books.rebuild()
    assert books.figure("otif") == (Decimal(50), 2)
    assert books.figure("spend") == (Decimal(20), 2)


def test_lead_times_are_compared_with_what_was_quoted(books: Supplying) -> None:
    maker = books.supplier("Maker")  # promised 30 days after the order
    late, early, never, closed = (books.order(maker, status="received") for _ in range(4))
    closed.order.status = "closed"
    books.deliver(late, "2026-03-28T08:00+00:00", 9)
    books.deliver(late, "2026-04-04T08:00+00:00", 1, 1)  # complete, even though it is not accepted
    books.deliver(late, "2026-04-10T08:00+00:00", 1)
    books.deliver(early, "2026-03-29T08:00+00:00", 10)
    books.deliver(never, "2026-03-29T08:00+00:00", 5)
    books.deliver(closed, "2026-04-01T08:00+00:00", 5)
    books.rebuild()
    # four days late, two early, one late
    assert books.figure("lead_bias") == (Decimal(1), 3)
    value, n = books.figure("lead_variability")
    assert value is not None
    assert (round(value, 9), n) == (Decimal(3), 3)  # √((9 + 9 + 0) / 2)
    kept, _ = books.figure("lead_kept")
    assert kept is not None
    assert round(kept, 6) == Decimal("66.666667")
    assert books.why("deliveries", "lead_bias") == ["", "", "pending: not received in full", ""]
    books.rebuild(lead_kept_window=1)
    kept, _ = books.figure("lead_kept")
    assert kept is not None
    assert round(kept, 6) == Decimal("33.333333")


def test_the_lead_time_of_the_bid_is_what_was_quoted(books: Supplying) -> None:
    maker = books.supplier("Maker")
    line = RfqLine(org_id=maker.org_id, description="Goods", quantity=Decimal(10))
    rfq = Rfq(org_id=maker.org_id, title="Goods", lines=[line])
    books.session.add(rfq)
    books.session.flush()
    bid = QuoteLine(
        org_id=maker.org_id, rfq_line_id=line.id, quantity=Decimal(10), unit_price=Decimal(2), lead_days=20
    )
    quote = Quote(
        org_id=maker.org_id,
        rfq_id=rfq.id,
        supplier_id=maker.id,
        lead_time_days=25,
        status="submitted",
        lines=[bid],
    )
    books.session.add(quote)
    books.session.flush()
    award = Award(org_id=maker.org_id, rfq_line_id=line.id, quote_line_id=bid.id, quantity=Decimal(10))
    books.session.add(award)
    books.session.flush()
    awarded, quoted = books.order(maker, quote=quote), books.order(maker, quote=quote)
    awarded.award_id = award.id
    for each in (awarded, quoted):
        books.deliver(each, "2026-03-31T08:00+00:00", 10)
    books.deliver(books.order(maker), "2026-03-31T08:00+00:00", 10)
    books.rebuild()
    assert books.figure("lead_bias") == (Decimal(5), 3)  # 30 days after 20, 25 and 30
    managed, n = books.figure("spend_under_management")
    maverick, _ = books.figure("maverick_spend")
    assert managed is not None
    assert maverick is not None
    assert (round(managed, 6), round(maverick, 6), n) == (Decimal("66.666667"), Decimal("33.333333"), 3)


def test_closed_lines_are_accurate_when_they_match_and_were_not_amended(books: Supplying) -> None:
    books.org.quantity_tolerance_percent = Decimal(2)
    books.org.price_tolerance_percent = Decimal(1)
    maker = books.supplier("Maker")
    lines = [books.order(maker, status="closed") for _ in range(8)]
    for line in lines:
        books.deliver(line, "2026-03-30T08:00+00:00", 10)
    good, dear, much, voided, twice, foreign, amended, _unbilled = lines
    books.bill(good, "10.2", "2.02")
    books.bill(dear, 10, "2.03")
    books.bill(much, "10.3", "2")
    books.bill(voided, 10, "2", status="void")
    books.bill(twice, 6, "2")
    books.bill(twice, 5, "2")
    books.bill(foreign, 10, "2", currency="USD")
    books.bill(amended, 10, "2.5")
    books.order(maker, status="received")
    books.session.flush()
    amended.unit_price = Decimal("2.5")
    books.rebuild()  # as of a day before the price was amended
    assert books.figure("po_accuracy") == (Decimal(25), 8)
    assert books.why("deliveries", "po_accuracy")[-1] == "pending: the order is not closed"
    books.rebuild(datetime.now(UTC))
    assert books.figure("po_accuracy") == (Decimal("12.5"), 8)


def test_a_line_changed_after_it_was_sent_is_amended(books: Supplying) -> None:
    line = books.order(books.supplier("Maker"), status="closed")
    books.deliver(line, "2026-03-30T08:00+00:00", 10)
    books.bill(line, 10, "2")
    books.rebuild(datetime.now(UTC))
    assert books.figure("po_accuracy") == (Decimal(100), 1)
    line.quantity = Decimal(11)
    books.session.flush()
    line.quantity = Decimal(10)
    books.session.flush()
    books.rebuild(datetime.now(UTC))
    assert books.figure("po_accuracy") == (Decimal(0), 1)


def test_spend_is_in_the_display_currency_at_the_rate_of_the_day(books: Supplying) -> None:
    maker = books.supplier("Maker")
    books.rate("JPY", "EUR", "2026-03-01", "0.006")
    books.rate("JPY", "EUR", "2026-03-11", "0.007")
    books.rate("EUR", "KWD", "2026-03-01", "0.32")  # known the other way round only
    yen, dinar = (
        books.order(maker, quantity=3, price="1001", currency="JPY"),
        books.order(maker, price="0.125", currency="KWD"),
    )
    books.deliver(yen, "2026-03-10T22:59+00:00", 1)  # still the tenth in Berlin
    books.deliver(yen, "2026-03-10T23:00+00:00", 2, 1)
    books.deliver(dinar, "2026-03-10T08:00+00:00", 8)
    books.deliver(books.order(maker, currency="CHF"), "2026-03-10T08:00+00:00", 8)
    books.deliver(books.order(maker, price="3", quantity=4), "2026-02-27T08:00+00:00", 4)
    books.deliver(books.order(maker, currency="JPY"), "2026-02-27T08:00+00:00", 4)
    books.rebuild()
    value, n = books.figure("spend")
    assert value is not None
    assert round(value, 9) == round(Decimal("6.006") + Decimal("7.007") + 1 / Decimal("0.32"), 9)
    assert n == 3
    assert books.figure("spend", first="2026-02") == (Decimal(12), 1)
    assert books.why("receipts", "spend")[3:] == [
        "excluded: no exchange rate CHF to EUR on 2026-03-10",
        "",
        "excluded: no exchange rate JPY to EUR on 2026-02-27",
    ]


def test_price_variance_is_paid_less_standard_on_what_came(books: Supplying) -> None:
    maker = books.supplier("Maker")
    books.rate("USD", "EUR", "2026-03-01", "0.5")
    bolt, free = books.product("B-1", "1.50"), books.product("F-1", "0")
    made_abroad = books.product("U-1", "4", "USD")
    books.deliver(books.order(maker, product=bolt), "2026-03-10T08:00+00:00", 10, 4)
    books.deliver(
        books.order(maker, product=made_abroad, price="3", currency="USD"), "2026-03-10T08:00+00:00", 10
    )
    books.deliver(books.order(maker, product=free), "2026-03-10T08:00+00:00", 10)
    books.deliver(books.order(maker), "2026-03-10T08:00+00:00", 10)
    books.deliver(books.order(maker, product=bolt, currency="CHF"), "2026-03-10T08:00+00:00", 10)
    books.rebuild()
    assert books.figure("ppv") == (Decimal(5) - Decimal(5), 2)  # 10 * (2 - 1.5), 10 * (3 - 4) * 0.5
    assert books.figure("ppv_percent") == (Decimal(0), 2)
    assert books.why("receipts", "ppv") == [
        "",
        "",
        "excluded: no standard cost",
        "excluded: not a product",
        "excluded: no exchange rate CHF to EUR on 2026-03-10",
    ]
    bolt.standard_cost = Decimal("1.60")
    books.rebuild()
    assert books.figure("ppv") == (Decimal(-1), 2)
    value, _ = books.figure("ppv_percent")
    assert value is not None
    assert round(value, 6) == round(Decimal(-100) / 36, 6)


def test_rejected_quantities_are_counted_per_million(books: Supplying) -> None:
    maker = books.supplier("Maker")
    books.deliver(books.order(maker), "2026-03-10T08:00+00:00", 10, "0.5")
    books.deliver(books.order(maker), "2026-03-10T08:00+00:00", 30)
    books.rebuild()
    assert books.figure("defect_ppm") == (Decimal(12500), 2)
    assert books.figure("clean_deliveries") == (Decimal(50), 2)


def test_an_invitation_is_answered_by_a_quote_before_the_deadline(books: Supplying) -> None:
    maker = books.supplier("Maker")
    books.invite(maker, quoted="2026-03-20T12:00+00:00")
    books.invite(maker, quoted="2026-03-20T12:01+00:00")
    books.invite(maker)
    books.invite(maker, status="cancelled")
    books.invite(maker, None)
    books.invite(maker, deadline=None)
    books.invite(maker, quoted="2026-03-03T09:30+00:00", deadline="2026-04-20T12:00+00:00")
    books.rebuild()
    value, n = books.figure("response_rate")
    assert value is not None
    assert (round(value, 6), n) == (Decimal("33.333333"), 3)
    assert books.why("invitations", "response_rate") == [
        "",
        "",
        "",
        "excluded: the request was cancelled",
        "excluded: not sent",
        "excluded: the request has no deadline",
        "pending: deadline 2026-04-20 14:00",
    ]
    # 436, 436 and 25 hours: parts of an hour are dropped
    assert books.figure("response_time") == (Decimal(436), 3)


def test_a_revision_keeps_the_hour_of_the_first_quote(books: Supplying) -> None:
    invitation = books.invite(books.supplier("Maker"), quoted="2026-03-19T08:00+00:00")
    quote = books.session.query(Quote).filter_by(rfq_id=invitation.rfq_id).one()
    earlier = {"submitted_at": "2026-03-03T09:00:00+00:00"}
    books.session.add(QuoteRevision(org_id=quote.org_id, quote_id=quote.id, revision=1, snapshot=earlier))
    books.rebuild()
    assert books.figure("response_time") == (Decimal(25), 1)
