"""Supplier KPIs over books made at random (one fixed seed), against plain Python over the same rows."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median, stdev
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from dashboard.erp.models import (
    ProductCategory,
    PurchaseOrderLine,
    Quote,
    QuoteLine,
    ReceiptLine,
    Rfq,
    RfqInvitation,
    RfqLine,
    Supplier,
)
from dashboard.kpis import composites, refreshing, reliability
from dashboard.kpis.asking import Terms
from dashboard.kpis.definitions import market
from dashboard.kpis.families import Family
from dashboard.kpis.registry import KPIS
from dashboard.kpis.sums import Filters
from tests.kpis.supplying import AS_OF, FAMILIES, Supplying

ZONE = ZoneInfo("Europe/Berlin")
MONTHS = {"first": "2026-01", "last": "2026-04"}
RATES = {"EUR": Fraction(1), "JPY": Fraction(6, 1000), "USD": Fraction(7, 8)}  # none for CHF
TODAY = date(2026, 4, 15)
MOMENT = timedelta(microseconds=1)


class Books(Supplying):
    """A company with four months of orders, receipts and requests; what they are about is remembered."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.rng = random.Random(20260415)  # repeatable, not secret
        for code in ("JPY", "USD"):
            rate = RATES[code]
            self.rate(code, "EUR", "2025-12-01", str(rate.numerator / Decimal(rate.denominator)))
        self.categories = [self._category(code) for code in ("A", "B")]
        self.suppliers = [self._supplier(place) for place in range(4)]
        self.products = [self.product(f"P-{place}", f"{place + 1}.25") for place in range(4)]
        for place, product in enumerate(self.products):
            product.category_id = self.categories[place % 2].id
        self.lines = [self._bought() for _ in range(90)]
        self.bids: list[tuple[Supplier, int, Fraction]] = []
        self.answers = [answer for _ in range(20) for answer in self._asked()]
        self.rebuild()
        refreshing.rebuild(session, market.BIDS, Terms(AS_OF, "EUR", ()))

    def _category(self, code: str) -> ProductCategory:
        return self._add(ProductCategory(org_id=self.org.id, code=code, name=f"Category {code}"))

    def _supplier(self, place: int) -> Supplier:
        supplier = self.supplier(f"Supplier {place}")
        supplier.region, supplier.category_id = f"Region {place % 3}", self.categories[place % 2].id
        return supplier

    def _at(self, first: date, days: int) -> str:
        """A moment near midnight in Berlin, or in the day."""
        hour = self.rng.choice((21, 22, 23, 0, 8, 15))
        return f"{first + timedelta(days=self.rng.randrange(days))}T{hour:02}:30:00+00:00"

    def _bought(self) -> tuple[PurchaseOrderLine, list[ReceiptLine]]:
        rng = self.rng
        ordered = date(2026, 1, 1) + timedelta(days=rng.randrange(80))
        line = self.order(
            rng.choice(self.suppliers),
            quantity=rng.choice((3, 10, 40)),
            price=rng.choice(("2", "3.1", "17", "0.125")),
            ordered=ordered.isoformat(),
            promised=(ordered + timedelta(days=rng.randrange(40))).isoformat()
            if rng.random() > 0.1
            else None,
            status=rng.choice(("sent", "received", "closed", "closed", "cancelled", "draft")),
            currency=rng.choice(("EUR", "EUR", "JPY", "USD", "CHF")),
            product=rng.choice((None, *self.products)),
        )
        parts = []
        if line.order.status in {"received", "closed"}:
            for _ in range(rng.choice((0, 1, 1, 2, 3))):
                came = rng.randrange(1, int(line.quantity) + 3)
                bad = rng.choice((0, 0, 1))
                parts.append(self.deliver(line, self._at(ordered + timedelta(days=2), 40), came, bad))
            if line.order.status == "closed" and rng.random() > 0.2:
                price = rng.choice((str(line.unit_price), str(line.unit_price), "99"))
                self.bill(line, int(line.quantity), price)
        return line, parts

    def _promise(self, ordered: date) -> str | None:
        day = ordered + timedelta(days=self.rng.randrange(40))
        return day.isoformat() if self.rng.random() > 0.1 else None

    def _asked(self) -> Iterable[tuple[RfqInvitation, Quote | None]]:
        """A request of one line to all suppliers, in euros; at least three answer, some of them late."""
        rng = self.rng
        sent = datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=rng.randrange(85))
        asked = RfqLine(org_id=self.org.id, description="Goods", quantity=Decimal(5))
        rfq = self._add(
            Rfq(
                org_id=self.org.id,
                title="Goods",
                category_id=rng.choice(self.categories).id,
                status="sent",
                sent_at=sent,
                deadline=sent + timedelta(days=10),
                lines=[asked],
            )
        )
        answering = rng.sample(self.suppliers, rng.choice((3, 4)))
        prices = [Fraction(rng.randrange(80, 140)) for _ in answering]
        for supplier, price in zip(answering, prices, strict=True):
            self.bids.append((supplier, rfq.category_id or 0, price / Fraction(median(prices))))
        for supplier in self.suppliers:
            known = {"org_id": self.org.id, "rfq_id": rfq.id, "supplier_id": supplier.id}
            quote = None
            if supplier in answering:
                bid = QuoteLine(
                    org_id=self.org.id,
                    rfq_line_id=asked.id,
                    quantity=Decimal(5),
                    unit_price=Decimal(int(prices[answering.index(supplier)])),
                )
                at = sent + timedelta(hours=rng.randrange(1, 260), minutes=rng.randrange(60))
                quote = self._add(Quote(**known, status="submitted", submitted_at=at, lines=[bid]))
            yield self._add(RfqInvitation(**known, invited_at=sent)), quote

    def sent_lines(self) -> list[tuple[PurchaseOrderLine, list[ReceiptLine]]]:
        return [pair for pair in self.lines if pair[0].order.status not in {"draft", "cancelled"}]

    def received(self) -> list[tuple[PurchaseOrderLine, ReceiptLine]]:
        pairs = [(line, part) for line, parts in self.lines for part in parts]
        return [(line, part) for line, part in pairs if part.receipt.received_at <= AS_OF]

    def category_of(self, line: PurchaseOrderLine) -> int:
        return (line.product and line.product.category_id) or line.order.supplier.category_id or 0


def day(part: ReceiptLine) -> date:
    return part.receipt.received_at.astimezone(ZONE).date()


def in_time(line: PurchaseOrderLine, parts: list[ReceiptLine]) -> bool:
    assert line.promised_on is not None
    good = [p.received - p.rejected for p in parts if day(p) <= line.promised_on]
    return sum(good) >= line.quantity


def gap(line: PurchaseOrderLine, parts: list[ReceiptLine]) -> int | None:
    """Days from the promise to the one on which the quantity had come."""
    parts = [part for part in parts if part.receipt.received_at <= AS_OF]
    parts.sort(key=lambda part: (part.receipt.received_at, part.id))
    if line.promised_on is None or not parts:
        return None
    so_far = Decimal(0)
    for part in parts:
        so_far += part.received
        if so_far >= line.quantity:
            return (day(part) - line.promised_on).days
    return (day(parts[-1]) - line.promised_on).days if line.order.status == "closed" else None


def near(value: Decimal | None, wanted: Fraction | float) -> bool:
    assert value is not None
    return abs(Fraction(value) - Fraction(wanted)) < Fraction(1, 10**6)


@pytest.fixture
def books(tenant: Session) -> Books:
    """Four months of books, inside acme."""
    return Books(tenant)


def test_every_kpi_equals_plain_python_over_the_rows(books: Books) -> None:
    promised = [
        in_time(line, parts)
        for line, parts in books.sent_lines()
        if line.promised_on and line.promised_on <= TODAY
    ]
    assert len(promised) > 30
    assert near(books.figure("otif", **MONTHS)[0], Fraction(100 * sum(promised), len(promised)))

    gaps = [found for pair in books.sent_lines() if (found := gap(*pair)) is not None]
    assert len(gaps) > 20
    assert near(books.figure("lead_bias", **MONTHS)[0], Fraction(sum(gaps), len(gaps)))
    assert near(books.figure("lead_variability", **MONTHS)[0], stdev(gaps))
    kept = [abs(days) <= 3 for days in gaps]
    assert near(books.figure("lead_kept", **MONTHS)[0], Fraction(100 * sum(kept), len(kept)))

    paid = {part.id: _paid(line, part) for line, part in books.received() if line.order.currency != "CHF"}
    value, n = books.figure("spend", **MONTHS)
    assert near(value, sum(paid.values(), Fraction(0)))
    assert n == len(paid)

    priced = [
        (line, part)
        for line, part in books.received()
        if line.product is not None and line.order.currency != "CHF"
    ]
    standard = sum(Fraction(p.received) * Fraction(_product_cost(line)) for line, p in priced)
    whole = sum(Fraction(p.received * line.unit_price) * RATES[line.order.currency] for line, p in priced)
    assert near(books.figure("ppv", **MONTHS)[0], whole - standard)
    assert near(books.figure("ppv_percent", **MONTHS)[0], 100 * (whole - standard) / standard)

    came = books.received()
    rejected = sum(Fraction(part.rejected) for _, part in came)
    received = sum(Fraction(part.received) for _, part in came)
    assert near(books.figure("defect_ppm", **MONTHS)[0], 1_000_000 * rejected / received)

    hours = [
        int((quote.submitted_at - asked.invited_at).total_seconds() // 3600)
        for asked, quote in books.answers
        if quote and quote.submitted_at and asked.invited_at and quote.submitted_at <= AS_OF
    ]
    assert near(books.figure("response_time", **MONTHS)[0], Fraction(median(hours)))
    _check_groups(books)


def _paid(line: PurchaseOrderLine, part: ReceiptLine) -> Fraction:
    return Fraction((part.received - part.rejected) * line.unit_price) * RATES[line.order.currency]


def _product_cost(line: PurchaseOrderLine) -> Decimal:
    assert line.product is not None
    return line.product.standard_cost


def _check_groups(books: Books) -> None:
    wanted: dict[tuple[date, int], Fraction] = defaultdict(Fraction)
    for line, part in books.received():
        if line.order.currency != "CHF":
            wanted[day(part).replace(day=1), line.order.supplier_id] += _paid(line, part)
    found = {
        figure.keys: figure.value
        for figure in books.figures("spend", "month", "subject_id", **MONTHS)
        if figure.value is not None
    }
    assert found.keys() == wanted.keys()
    assert all(near(found[key], wanted[key]) for key in wanted)
    spent: dict[int, Fraction] = defaultdict(Fraction)
    for line, part in books.received():
        if line.order.currency != "CHF":
            spent[line.order.supplier_id] += _paid(line, part)
    whole = sum(spent.values())
    value, _ = books.figure("concentration", **MONTHS)
    assert near(value, sum((one / whole) ** 2 for one in spent.values()))
    by_category = books.figures("concentration", "category_id", **MONTHS)
    assert {figure.keys[0] for figure in by_category} == {category.id for category in books.categories}


def test_reliability_draws_few_observations_towards_the_category(books: Books) -> None:
    seen = _observations(books)
    wanted = {supplier.id: _reliability(seen, supplier.id) for supplier in books.suppliers}
    found = {
        figure.keys[0]: (figure.value, figure.n)
        for figure in books.figures("reliability", "subject_id", **MONTHS)
    }
    assert found.keys() == wanted.keys()
    for supplier, (points, n) in wanted.items():
        value, shown = found[supplier]
        assert value is not None
        assert abs(Fraction(value) - points) < Fraction(1, 10**3)
        assert shown == n
        filters = Filters((books.org.id,), date(2026, 1, 1), date(2026, 4, 1), subject_id=supplier)
        parts = reliability.components(books.session, filters)
        assert reliability.value_of(parts) == value
        assert books.figure("reliability", subject_id=supplier, **MONTHS) == (value, n)
        assert composites.explain(books.session, KPIS["reliability"], filters).endswith(f" = {value} points")


def test_what_time_alone_alters_was_due_by_then(books: Books) -> None:
    early = datetime(2026, 2, 10, 12, tzinfo=UTC)
    for family in FAMILIES:
        then, now = (_facts(books, family, moment) for moment in (early, AS_OF))
        altered = {record for record, fact in now.items() if fact[:-1] != then[record][:-1]}
        assert altered, family.name
        due = {record: then[record][-1] for record in altered}
        assert all(at is not None and early < at <= AS_OF for at in due.values())
        if family.name == "invitations":  # offers made meanwhile are what somebody did
            continue
        first = min(due.values())
        just_before, at_last = (_facts(books, family, first - wait) for wait in (MOMENT, timedelta(0)))
        assert all(just_before[record] == then[record] for record in altered), family.name
        assert any(at_last[record][:-1] != then[record][:-1] for record in altered), family.name


def _facts(books: Books, family: Family, as_of: datetime) -> dict[int, tuple[Any, ...]]:
    """Each record's measures as of a moment; last, the one from which they may be others."""
    rows = books.session.connection().exec_driver_sql(
        f"SELECT record_id, bin, {', '.join(family.measures)}, due_at FROM ({family.sql}) AS f",
        Terms(as_of, "EUR", ()).binds(),
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def test_without_components_there_is_no_reliability(tenant: Session) -> None:
    assert reliability.value_of([]) is None
    nobody = Filters((), date(2026, 1, 1), date(2026, 4, 1))
    assert composites.explain(tenant, KPIS["reliability"], nobody) == ""
    assert composites.explain(tenant, KPIS["concentration"], nobody) == ""


Observations = dict[str, list[tuple[int, int, Fraction]]]


def _observations(books: Books) -> Observations:
    """For each part its observations: supplier, category and what each counts for."""
    lines = books.sent_lines()
    gaps = [(line, gap(line, parts)) for line, parts in lines]
    return {
        "otif": [
            (line.order.supplier_id, books.category_of(line), Fraction(in_time(line, parts)))
            for line, parts in lines
            if line.promised_on and line.promised_on <= TODAY
        ],
        "clean_deliveries": [
            (line.order.supplier_id, books.category_of(line), Fraction(part.rejected == 0))
            for line, part in books.received()
        ],
        "lead_kept": [
            (line.order.supplier_id, books.category_of(line), Fraction(abs(days) <= 3))
            for line, days in gaps
            if days is not None
        ],
        "response_rate": [
            (asked.supplier_id, asked.rfq.category_id or 0, Fraction(_answered(asked, quote)))
            for asked, quote in books.answers
            if asked.rfq.deadline and asked.rfq.deadline <= AS_OF
        ],
        "price_index": [(supplier.id, category, index) for supplier, category, index in books.bids],
    }


def _answered(asked: RfqInvitation, quote: Quote | None) -> bool:
    deadline = asked.rfq.deadline
    return bool(quote and quote.submitted_at and deadline and quote.submitted_at <= deadline)


def _reliability(seen: Observations, supplier: int) -> tuple[Fraction, int]:
    weights = dict(zip(seen, (Fraction(n, 100) for n in (40, 25, 15, 10, 10)), strict=True))
    points, weight, count = Fraction(0), Fraction(0), 0
    for part, rows in seen.items():
        judge: Callable[[Fraction], Fraction] = _price_score if part == "price_index" else _as_it_is
        own = [value for who, _, value in rows if who == supplier]
        if not own:
            continue
        categories = [category for who, category, _ in rows if who == supplier]
        means = [judge(_mean(value for _, kind, value in rows if kind == one)) for one in categories]
        score = judge(_mean(own))
        points += weights[part] * (len(own) * score + 10 * _mean(means)) / (len(own) + 10)
        weight += weights[part]
        count += len(own)
    return 100 * points / weight, count


def _mean(values: Iterable[Fraction]) -> Fraction:
    found = list(values)
    return sum(found, Fraction(0)) / len(found)


def _price_score(index: Fraction) -> Fraction:
    return min(Fraction(1), max(Fraction(0), 2 - index))


def _as_it_is(share: Fraction) -> Fraction:
    return share
