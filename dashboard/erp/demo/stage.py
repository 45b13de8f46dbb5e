"""Owns what live demo records share: who acts, whom we buy from, and how documents are put in, one by one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from dashboard.erp.catalog.models import Product
from dashboard.erp.demo.market import money
from dashboard.erp.inventory.models import Warehouse
from dashboard.erp.organizations.models import AppUser, Organization
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine
from dashboard.erp.quotes.models import Quote, QuoteLine
from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqLine
from dashboard.erp.suppliers.models import Supplier

T = TypeVar("T")
LIVE = "demo:"
"""How the external keys of live records begin."""


@dataclass
class Stage:
    """The organization that live records are made for, at the moment of loading."""

    session: Session
    now: datetime
    org: Organization
    operators: list[str]
    suppliers: Sequence[Supplier] = ()
    products: Sequence[Product] = ()
    warehouse: Warehouse | None = None
    buyer: AppUser | None = None
    rates: dict[str, Decimal] = field(default_factory=dict)
    """Units of the organization's currency for one of each."""
    planted: list[tuple[str, str, int]] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)

    def add(self, record: T) -> T:
        """Put a record in at once, so that triggers number it and add it up."""
        self.session.add(record)
        self.session.flush()
        self.rows[record.__tablename__] += 1  # type: ignore[attr-defined]
        return record

    def plant(self, case: str, record: Any) -> None:
        """Note a live case, to be found by its record."""
        self.planted.append((case, record.__tablename__, record.id))

    def days(self, count: float) -> datetime:
        """Return the moment some days from now, or ago where negative."""
        return self.now + timedelta(days=count)

    def price(self, product: Product, currency: str, factor: str) -> Decimal:
        """Return a price near the standard cost, in a currency."""
        cost = (product.standard_cost or Decimal(10)) * Decimal(factor) / self.rates[currency]
        return max(money(cost, currency), money(1, currency))


def request(
    stage: Stage, key: str, title: str, lines: int, invited: Sequence[Supplier], **values: Any
) -> tuple[Rfq, list[RfqLine]]:
    """Make a draft request with lines and invitations; products and quantities differ from line to line."""
    known = {"org_id": stage.org.id, "currency": stage.org.base_currency}
    buyer = stage.buyer.id if stage.buyer else None
    rfq = stage.add(Rfq(**known, title=title, buyer_id=buyer, external_key=LIVE + key, **values))
    made = [
        stage.add(
            RfqLine(
                org_id=stage.org.id,
                rfq_id=rfq.id,
                position=place + 1,
                product_id=stage.products[place].id,
                quantity=Decimal((100, 250, 40, 1000)[place % 4]),
                unit_id=stage.products[place].unit_id,
                need_by=stage.days(45).date(),
                target_price=stage.price(stage.products[place], stage.org.base_currency, "1"),
            )
        )
        for place in range(lines)
    ]
    for supplier in invited:
        stage.add(RfqInvitation(org_id=stage.org.id, rfq_id=rfq.id, supplier_id=supplier.id))
    return rfq, made


def send(stage: Stage, rfq: Rfq, days_ago: float) -> None:
    """Send a request some days ago: it gets its number, its invitations their date."""
    rfq.status, rfq.sent_at = "sent", stage.days(-days_ago)
    for invitation in stage.session.query(RfqInvitation).filter_by(rfq_id=rfq.id):
        invitation.invited_at = rfq.sent_at
    stage.session.flush()


def offer(
    stage: Stage, rfq: Rfq, lines: list[RfqLine], supplier: Supplier, currency: str, factors: str
) -> Quote:
    """Submit an offer. `factors` per line: times the standard cost, `no` for no bid, `-` for no answer."""
    quote = stage.add(
        Quote(
            org_id=stage.org.id,
            rfq_id=rfq.id,
            supplier_id=supplier.id,
            reference=f"Q-{rfq.id}-{supplier.id}",
            currency=currency,
            lead_time_days=14 + 7 * (supplier.id % 4),
            valid_until=stage.days(60).date(),
            incoterm="DAP",
        )
    )
    products = {product.id: product for product in stage.products}
    for line, factor in zip(lines, factors.split(), strict=True):
        if factor == "-":
            continue
        price = None if factor == "no" else stage.price(products[line.product_id or 0], currency, factor)
        stage.add(
            QuoteLine(
                org_id=stage.org.id,
                quote_id=quote.id,
                rfq_line_id=line.id,
                quantity=line.quantity,
                unit_price=price,
                no_bid=price is None,
                lead_days=quote.lead_time_days,
            )
        )
    quote.status, quote.submitted_at = "submitted", stage.days(-2)
    rfq.status = "quoted"
    stage.session.flush()
    return quote


def order(stage: Stage, key: str, supplier: Supplier, status: str, days_ago: int) -> PurchaseOrder:
    """Order two products, large enough to need approval where the organization asks for it."""
    made = stage.add(
        PurchaseOrder(
            org_id=stage.org.id,
            supplier_id=supplier.id,
            warehouse_id=stage.warehouse.id if stage.warehouse else None,
            buyer_id=stage.buyer.id if stage.buyer else None,
            currency=stage.org.base_currency,
            freight=money(120, stage.org.base_currency),
            external_key=LIVE + key,
            created_at=stage.days(-days_ago),
        )
    )
    value = (stage.org.approval_threshold or Decimal(50_000)) * Decimal("0.7")
    for place, product in enumerate(stage.products[:2], 1):
        price = stage.price(product, stage.org.base_currency, "1")
        stage.add(
            PurchaseOrderLine(
                org_id=stage.org.id,
                order_id=made.id,
                position=place,
                product_id=product.id,
                quantity=max((value / price).to_integral_value(), Decimal(2)),
                unit_price=price,
                tax_percent=Decimal(19),
                promised_on=stage.days(14 - days_ago).date(),
            )
        )
    made.status = status
    if status != "to_approve":
        made.ordered_on = stage.days(-days_ago).date()
        made.approved_at, made.approved_by = stage.days(-days_ago), "controller@example.com"
        made.sent_at = stage.days(-days_ago)
    stage.session.flush()
    stage.session.refresh(made)
    return made
