"""Every change that a supplier KPI depends on leads to the facts it alters, and so does the refresh."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.erp.models import (
    Award,
    FxRate,
    InvoiceLine,
    ProductCategory,
    PurchaseOrderLine,
    Quote,
    QuoteLine,
    QuoteRevision,
    Receipt,
    ReceiptLine,
    Rfq,
    RfqInvitation,
    RfqLine,
    SupplierInvoice,
)
from dashboard.kpis.asking import Terms, select_facts
from dashboard.kpis.families import Family
from tests.kpis.conftest import moment
from tests.kpis.supplying import AS_OF, FAMILIES, Supplying

TERMS = Terms(AS_OF, "EUR", ())
Change = Callable[["Chain"], object]


class Chain(Supplying):
    """One purchase from the request to the invoice, and a second order in another currency."""

    line: PurchaseOrderLine
    foreign: PurchaseOrderLine
    bare: PurchaseOrderLine
    came: ReceiptLine
    invoice: SupplierInvoice
    invitation: RfqInvitation
    offer: Quote
    bid: QuoteLine
    award_of_line: Award

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.castings = self._add(ProductCategory(org_id=self.org.id, code="C", name="Castings"))
        self.maker = self.supplier("Maker")
        self.part = self.product("P-1", "1.5")
        self._quoted()
        self.rate("USD", "EUR", "2026-03-01", "0.5")
        self.line = self.order(self.maker, status="closed", product=self.part, quote=self.offer)
        self.line.award_id = self.award_of_line.id
        self.came = self.deliver(self.line, "2026-03-31T22:30+00:00", 10)  # April in Berlin
        self.org.price_tolerance_percent = Decimal(10)
        self.invoice = self.bill(self.line, 10, "2.1")
        self.foreign = self.order(self.maker, quantity=6, currency="USD", quote=self.offer)
        self.deliver(self.foreign, "2026-03-20T08:00+00:00", 6)
        self.bare = self.order(self.maker, promised="2026-04-30")
        session.flush()

    def _quoted(self) -> None:
        self.invitation = self.invite(self.maker, quoted="2026-03-05T09:00+00:00")
        self.offer = self.session.query(Quote).filter_by(rfq_id=self.invitation.rfq_id).one()
        self.offer.lead_time_days = 28
        asked = self._add(
            RfqLine(org_id=self.org.id, rfq_id=self.offer.rfq_id, description="Goods", quantity=Decimal(10))
        )
        known = {"org_id": self.org.id, "rfq_line_id": asked.id, "quantity": Decimal(10)}
        self.bid = self._add(QuoteLine(**known, quote_id=self.offer.id, unit_price=Decimal(2), lead_days=25))
        self.award_of_line = self._add(Award(**known, quote_line_id=self.bid.id))

    @property
    def rfq(self) -> Rfq:
        return self.invitation.rfq

    def remove(self, row: object) -> None:
        self.session.delete(row)

    def rates(self) -> FxRate:
        return self.session.query(FxRate).filter_by(from_currency="USD").one()


def _set(name: str, field: str, value: object) -> Change:
    def change(chain: Chain) -> None:
        row = chain
        for part in name.split("."):
            row = getattr(row, part)
        setattr(row, field, value)

    return change


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "region of the supplier": (
        _set("maker", "region", "North"),
        {"deliveries", "receipts", "inspections", "invitations"},
    ),
    "category of the supplier": (
        lambda chain: setattr(chain.maker, "category_id", chain.castings.id),
        {"deliveries", "receipts", "inspections", "invitations"},
    ),
    "category of the product": (
        lambda chain: setattr(chain.part, "category_id", chain.castings.id),
        {"deliveries", "receipts", "inspections"},
    ),
    "standard cost": (_set("part", "standard_cost", Decimal("1.7")), {"receipts"}),
    "currency of the product": (_set("part", "currency", "USD"), {"receipts"}),
    "time zone": (_set("org", "time_zone", "America/New_York"), {"deliveries", "receipts", "inspections"}),
    "tolerated price": (_set("org", "price_tolerance_percent", Decimal(0)), {"deliveries"}),
    "day of a receipt": (
        lambda chain: setattr(chain.came.receipt, "received_at", moment("2026-03-29T08:00+00:00")),
        {"deliveries", "receipts", "inspections"},
    ),
    "rejected quantity": (
        _set("came", "rejected", Decimal(2)),
        {"deliveries", "receipts", "inspections"},
    ),
    "removed receipt": (
        lambda chain: chain.session.query(Receipt).filter_by(id=chain.came.receipt_id).delete(),
        {"deliveries", "receipts", "inspections"},
    ),
    "new receipt": (
        lambda chain: chain.deliver(chain.bare, "2026-04-02T08:00+00:00", 10),
        {"deliveries", "receipts", "inspections"},
    ),
    "ordered quantity": (_set("foreign", "quantity", Decimal(7)), {"deliveries"}),
    "ordered price": (_set("line", "unit_price", Decimal(3)), {"deliveries", "receipts"}),
    "promised day": (_set("bare", "promised_on", date(2026, 4, 1)), {"deliveries"}),
    "removed line": (lambda chain: chain.remove(chain.bare), {"deliveries"}),
    "cancelled order": (
        lambda chain: chain.session.execute(
            text("UPDATE purchase_order SET status = 'cancelled' WHERE id = :id"), {"id": chain.bare.order_id}
        ),
        {"deliveries"},
    ),
    "currency of an order": (
        lambda chain: setattr(chain.foreign.order, "currency", "EUR"),
        {"receipts"},
    ),
    "lead time of the bid": (_set("bid", "lead_days", 20), {"deliveries"}),
    "lead time of the quote": (_set("offer", "lead_time_days", 9), {"deliveries"}),
    "invoiced price": (
        lambda chain: setattr(chain.invoice.lines[0], "unit_price", Decimal(9)),
        {"deliveries"},
    ),
    "void invoice": (_set("invoice", "status", "void"), {"deliveries"}),
    "removed line of an invoice": (
        lambda chain: chain.session.query(InvoiceLine).filter_by(invoice_id=chain.invoice.id).delete(),
        {"deliveries"},
    ),
    "exchange rate": (lambda chain: setattr(chain.rates(), "rate", Decimal("0.6")), {"receipts"}),
    "new exchange rate": (lambda chain: chain.rate("USD", "EUR", "2026-03-15", "0.7"), {"receipts"}),
    "moved exchange rate": (
        lambda chain: setattr(chain.rates(), "on_date", date(2026, 3, 25)),
        {"receipts"},
    ),
    "removed exchange rate": (lambda chain: chain.remove(chain.rates()), {"receipts"}),
    "deadline": (_set("rfq", "deadline", moment("2026-03-04T12:00+00:00")), {"invitations"}),
    "deadline put off": (_set("rfq", "deadline", moment("2026-05-04T12:00+00:00")), {"invitations"}),
    "cancelled request": (_set("rfq", "status", "cancelled"), {"invitations"}),
    "hour of the quote": (_set("offer", "submitted_at", moment("2026-03-21T09:00+00:00")), {"invitations"}),
    "removed quote": (_set("offer", "deleted_at", moment("2026-03-21T09:00+00:00")), {"invitations"}),
    "revision of the quote": (
        lambda chain: chain.session.add(
            QuoteRevision(
                org_id=chain.org.id,
                quote_id=chain.offer.id,
                revision=1,
                snapshot={"submitted_at": "2026-03-03T09:00:00+00:00"},
            )
        ),
        {"invitations"},
    ),
    "removed invitation": (lambda chain: chain.remove(chain.invitation), {"invitations"}),
    "new invitation": (lambda chain: chain.invite(chain.maker), {"invitations"}),
}


Facts = dict[str, dict[int, tuple[object, ...]]]


def test_every_change_leads_to_the_records_whose_facts_it_alters(tenant: Session) -> None:
    chain = Chain(tenant)
    before = _facts(tenant)
    for name, (change, moved) in CHANGES.items():
        newest = _newest(tenant)
        with tenant.begin_nested() as step:
            change(chain)
            tenant.flush()
            after = _facts(tenant)
            altered = {family.name: _altered(before, after, family) for family in FAMILIES}
            assert {family for family, records in altered.items() if records} == moved, name
            for family in FAMILIES:
                assert altered[family.name] <= _led_to(tenant, family, newest), name
            step.rollback()
        tenant.expire_all()


def _facts(session: Session) -> Facts:
    """Every record's fact, by family, as the records have it."""
    ask = session.connection().exec_driver_sql
    return {
        family.name: {row[0]: tuple(row) for row in ask(select_facts(family), TERMS.binds())}
        for family in FAMILIES
    }


def _altered(before: Facts, after: Facts, family: Family) -> set[int]:
    """The records whose facts are others, came or went."""
    old, new = before[family.name], after[family.name]
    return {record for record in old.keys() | new.keys() if old.get(record) != new.get(record)}


def _newest(session: Session) -> int:
    found = session.connection().exec_driver_sql("SELECT coalesce(max(id), 0) FROM row_history")
    return int(found.scalar_one())


def _led_to(session: Session, family: Family, newest: int) -> set[int]:
    """The records that a family's sources name for the changes after a row of the history."""
    found = set()
    for table, records in family.sources.items():
        rows = session.connection().exec_driver_sql(
            "WITH changed AS MATERIALIZED (SELECT record_id, operation, old, new FROM row_history"
            f" WHERE table_name = %(table)s AND id > %(newest)s) {records}",
            {"table": table, "newest": newest},
        )
        found |= {row[0] for row in rows}
    return found
