"""Requests, bids and awards for tests, with the fewest words; prices are texts, moments have a zone."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.erp.models import (
    Award,
    FxRate,
    Organization,
    Product,
    ProductCategory,
    PurchaseOrder,
    PurchaseOrderLine,
    Quote,
    QuoteLine,
    Rfq,
    RfqLine,
    Supplier,
)
from dashboard.kpis import refreshing, registry, sums
from dashboard.kpis.asking import Terms, select_facts
from dashboard.kpis.families import Family
from tests.kpis.conftest import Company, Row, moment

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
SENT = "2026-03-01T09:00+00:00"
YEAR = (date(2026, 1, 1), date(2026, 12, 1))


def terms(*parameters: dict[str, object], as_of: datetime = AS_OF, currency: str = "EUR") -> Terms:
    """With what facts are computed; a parameter object names its `org_id`."""
    return Terms(as_of, currency, parameters)


class Bidding:
    """Makes what the market families read, in the company's organization unless told otherwise."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.session: Session = company.session
        self.org = company.org
        self.count = 0

    def add(self, row: Row) -> Row:
        """Store a row."""
        self.session.add(row)
        self.session.flush()
        return row

    def supplier(self, region: str | None = None, org: Organization | None = None) -> Supplier:
        """Make a supplier."""
        self.count += 1
        supplier = self.company.supplier(f"Supplier {self.count}", org)
        supplier.region = region
        return supplier

    def category(self, org: Organization | None = None) -> ProductCategory:
        """Make a category."""
        self.count += 1
        code = f"C{self.count}"
        return self.add(ProductCategory(org_id=(org or self.org).id, code=code, name=code))

    def product(
        self,
        cost: str,
        currency: str = "EUR",
        category: ProductCategory | None = None,
        org: Organization | None = None,
    ) -> Product:
        """Make a product with its standard cost."""
        self.count += 1
        return self.add(
            Product(
                org_id=(org or self.org).id,
                sku=f"P{self.count}",
                name=f"Product {self.count}",
                unit_id=self.company.unit.id,
                standard_cost=Decimal(cost),
                currency=currency,
                category_id=category.id if category else None,
            )
        )

    def rate(self, source: str, target: str, day: str, rate: str) -> FxRate:
        """Store a rate: so many of `target` for one of `source`."""
        known = {"from_currency": source, "to_currency": target, "on_date": date.fromisoformat(day)}
        return self.add(FxRate(**known, rate=Decimal(rate)))

    def request(
        self,
        *quantities: str,
        sent: str | None = SENT,
        status: str = "quoted",
        org: Organization | None = None,
        product: Product | None = None,
        target: str | None = None,
        currency: str = "EUR",
        **values: object,
    ) -> Rfq:
        """Make a request with a line per quantity (default: one of 10)."""
        org = org or self.org
        lines = [
            RfqLine(
                org_id=org.id,
                position=place,
                product_id=product.id if product else None,
                description=None if product else f"Part {place}",
                quantity=Decimal(quantity),
                target_price=Decimal(target) if target else None,
            )
            for place, quantity in enumerate(quantities or ("10",), 1)
        ]
        sent_at = moment(sent) if sent else None
        head = {"title": "Castings", "status": status, "sent_at": sent_at, "currency": currency, **values}
        return self.add(Rfq(org_id=org.id, lines=lines, **head))

    def quote(
        self,
        rfq: Rfq,
        *prices: str | None,
        at: str | None = "2026-03-10T09:00+00:00",
        currency: str = "EUR",
        status: str = "submitted",
        supplier: Supplier | None = None,
        quantity: str | None = None,
    ) -> Quote:
        """Bid on the lines of a request in their order; None is no bid, "" no price yet."""
        supplier = supplier or self.supplier(org=rfq.organization)
        lines = [
            QuoteLine(
                org_id=rfq.org_id,
                rfq_line_id=line.id,
                quantity=Decimal(quantity) if quantity else line.quantity,
                unit_price=Decimal(price) if price else None,
                no_bid=price is None,
            )
            for line, price in zip(rfq.lines, prices, strict=False)
        ]
        known = {"org_id": rfq.org_id, "rfq_id": rfq.id, "supplier_id": supplier.id, "lines": lines}
        submitted_at = moment(at) if at else None
        return self.add(Quote(**known, status=status, currency=currency, submitted_at=submitted_at))

    def award(self, quote: Quote, quantity: str | None = None, at: str = "2026-03-20T09:00+00:00") -> Award:
        """Give the first line of a quote its quantity, and the request its moment."""
        line = quote.lines[0]
        rfq = quote.rfq
        rfq.awarded_at, rfq.status = moment(at), "awarded"
        known = {"org_id": quote.org_id, "rfq_line_id": line.rfq_line_id, "quote_line_id": line.id}
        return self.add(Award(**known, quantity=Decimal(quantity) if quantity else line.quantity))

    def order(
        self,
        product: Product | None,
        price: str,
        on: str,
        *,
        status: str = "sent",
        currency: str = "EUR",
        rfq: Rfq | None = None,
        org: Organization | None = None,
    ) -> PurchaseOrder:
        """Order one of a product on a day."""
        org = org or self.org
        line = PurchaseOrderLine(
            org_id=org.id,
            product_id=product.id if product else None,
            description="Goods",
            quantity=Decimal(1),
            unit_price=Decimal(price),
        )
        head = {"supplier_id": self.supplier(org=org).id, "currency": currency, "status": status}
        made = PurchaseOrder(org_id=org.id, lines=[line], ordered_on=date.fromisoformat(on), **head)
        made.rfq_id = rfq.id if rfq else None
        made.sent_at = moment(f"{on}T12:00+00:00") if status == "sent" else None
        return self.add(made)

    def facts(self, family: Family, with_terms: Terms | None = None) -> dict[int, dict[str, Any]]:
        """Every fact of a family by its record, as the SELECT gives it."""
        self.session.flush()
        rows = self.session.connection().exec_driver_sql(family.sql, (with_terms or terms()).binds())
        return {row["record_id"]: dict(row) for row in rows.mappings()}

    def figure(self, code: str, org: Organization | None = None, **filters: object) -> sums.Figure:
        """A KPI over the year, after everything was computed anew."""
        kpi = registry.get(code)
        self.session.flush()
        refreshing.rebuild(self.session, kpi.facts, terms())
        chosen = sums.Filters(((org or self.org).id,), *YEAR, **filters)  # type: ignore[arg-type]
        (figure,) = sums.read(self.session, kpi, chosen)
        return figure


def records_of(session: Session, family: Family, record: int) -> int:
    """How many facts come back when one record is asked for."""
    rows = session.connection().exec_driver_sql(
        select_facts(family, "f.record_id = ANY(%(records)s)"), {**terms().binds(), "records": [record]}
    )
    return len(rows.fetchall())
