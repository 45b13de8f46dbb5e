"""Makes the few records that are open now: days count from the moment of loading.

They go in one by one as the tenant's own role, so that triggers number and total them and the row history
speaks of them. Their ids and numbers follow the loaded data; they are in no hash.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select, text

from dashboard.collaboration import people
from dashboard.collaboration.models import Activity, Comment, Notification
from dashboard.erp.awards.models import Award
from dashboard.erp.catalog.models import Product
from dashboard.erp.currencies.models import FxRate
from dashboard.erp.demo.market import money
from dashboard.erp.demo.stage import LIVE, Stage, offer, order, request, send
from dashboard.erp.inventory.models import StockBalance, StockMove, Warehouse
from dashboard.erp.invoicing.models import InvoiceLine, SupplierInvoice
from dashboard.erp.organizations.models import AppUser, Membership, Organization
from dashboard.erp.purchasing.models import PurchaseOrder, Receipt, ReceiptLine
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.suppliers.models import Supplier, SupplierCertificate
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

ACTOR = "demo data"
OPERATOR = "admin@example.com"
SUPPLIERS, PRODUCTS = 6, 6
DOUBLED = 12
"""The first suppliers double each other; two of them in one request would look odd."""


@dataclass(frozen=True)
class LiveReport:
    """How many live rows were put in per table, and which cases they are."""

    rows: dict[str, int]
    planted: tuple[tuple[str, str, int], ...]


def make(tenant: TenantRef, now: datetime | None = None) -> LiveReport:
    """Put the live records into a tenant that was loaded with demo data; nothing where they are there.

    `now` is the moment from which days count (default: this one). Commits.
    """
    found = people.list_people(tenant.slug)
    operators = {person.email.lower(): person.name for person in found} or {OPERATOR: "Admin"}
    with use_tenant(tenant, actor=ACTOR) as session:
        org = session.scalar(
            select(Organization).where(Organization.created_by == ACTOR).order_by(Organization.id)
        )
        if org is None or session.scalar(select(Rfq.id).where(Rfq.external_key.startswith(LIVE)).limit(1)):
            return LiveReport({}, ())
        stage = Stage(session, now or datetime.now(UTC), org, list(operators))
        balances = select(func.count()).select_from(StockBalance)
        before = session.scalar(balances) or 0
        _prepare(stage, operators)
        _requests(stage)
        _past_deadline(stage)
        _orders(stage)
        _certificates(stage)
        # a receipt may bring a product to a warehouse for the first time: a trigger adds the balance
        stage.rows["stock_balance"] = (session.scalar(balances) or 0) - before
        session.commit()
        return LiveReport(dict(stage.rows), tuple(stage.planted))


def _prepare(stage: Stage, operators: dict[str, str]) -> None:
    """Choose whom and what the records are about; store today's rates; make operators people."""
    session, org = stage.session, stage.org
    stage.suppliers = session.scalars(
        select(Supplier)
        .where(Supplier.org_id == org.id, Supplier.status == "active")
        .order_by(Supplier.id <= DOUBLED, Supplier.id)
        .limit(SUPPLIERS)
    ).all()
    stage.products = session.scalars(
        select(Product)
        .where(Product.org_id == org.id, Product.is_active)
        .order_by(Product.id)
        .limit(PRODUCTS)
    ).all()
    stage.warehouse = session.scalar(
        select(Warehouse).where(Warehouse.org_id == org.id).order_by(Warehouse.id).limit(1)
    )
    for email, name in operators.items():
        user = stage.add(AppUser(name=name.strip() or email, email=email))
        stage.add(Membership(org_id=org.id, user_id=user.id, role="buyer"))
        stage.buyer = stage.buyer or user
    _rates(stage)


def _rates(stage: Stage) -> None:
    """Repeat the newest rates for today, so that amounts can be turned into each other now."""
    rates = stage.session.scalars(select(FxRate).order_by(FxRate.on_date))
    newest = {(rate.from_currency, rate.to_currency): rate for rate in rates}
    today = stage.now.date()
    stage.rates[stage.org.base_currency] = Decimal(1)
    for known in newest.values():
        ends = {"from_currency": known.from_currency, "to_currency": known.to_currency}
        if known.on_date < today:
            stage.add(FxRate(**ends, on_date=today, rate=known.rate))
        if known.to_currency == stage.org.base_currency:
            stage.rates[known.from_currency] = known.rate


def _requests(stage: Stage) -> None:
    """One request ready to be sent, one open, one open and sealed with bids that nobody can read yet."""
    many = stage.suppliers
    draft, _ = request(
        stage, "draft", "Fasteners for the spring series", 3, many[:3], deadline=stage.days(14)
    )
    stage.plant("live: draft request, ready to be sent", draft)
    _task(stage, draft, "Send the request", 0)

    rfq, lines = request(stage, "open", "Housings, second half-year", 3, many[1:5], deadline=stage.days(5))
    send(stage, rfq, 6)
    offer(stage, rfq, lines, many[1], "EUR", "1.02 0.97 1.1")
    stage.plant("live: open request with one quote", rfq)

    values = {"sealed": True, "deadline": stage.days(7), "budget": money(80_000, stage.org.base_currency)}
    rfq, lines = request(stage, "sealed", "Yearly contract for sensors (sealed)", 3, many[:5], **values)
    send(stage, rfq, 3)
    stage.session.execute(text("SELECT seal_rfq(:rfq, :at)"), {"rfq": rfq.id, "at": rfq.deadline})
    for supplier, currency, factors in zip(
        many, ("EUR", "USD", "JPY"), ("1.01 0.98 1.0", "0.95 1.04 0.99", "1.0 1.0 no"), strict=False
    ):
        offer(stage, rfq, lines, supplier, currency, factors)
    stage.plant("live: sealed request with submitted bids", rfq)


def _past_deadline(stage: Stage) -> None:
    """One request to be compared and awarded, one that was awarded and waits to be ordered."""
    many = stage.suppliers
    rfq, lines = request(stage, "compare", "Seals and gaskets, lot 1", 4, many[:4], deadline=stage.days(-1))
    send(stage, rfq, 15)
    full = offer(stage, rfq, lines, many[0], "EUR", "1.03 1.0 1.05 0.98")
    full.freight = money(180, "EUR")
    partial = offer(stage, rfq, lines, many[1], "USD", "0.93 - 0.97 -")
    partial.freight, partial.duty = money(240, "USD"), money(90, "USD")
    offer(stage, rfq, lines, many[2], "JPY", "0.96 1.02 no 0.95")
    stage.plant("live: request past its deadline: a partial quote, a no bid, three currencies", rfq)
    _task(stage, rfq, "Compare the offers and award", -1)
    words = "The yen offer leaves line 3 out; is that all right?"
    stage.add(Comment(entity="rfq", record_id=rfq.id, body=words))

    rfq, lines = request(stage, "awarded", "Packaging films", 2, many[2:5], deadline=stage.days(-3))
    send(stage, rfq, 17)
    won = offer(stage, rfq, lines, many[2], "EUR", "0.9 0.92")
    lost = offer(stage, rfq, lines, many[3], "EUR", "1.1 1.05")
    for line, bid in zip(lines, won.lines, strict=True):
        known = {"org_id": rfq.org_id, "rfq_line_id": line.id, "quote_line_id": bid.id}
        stage.add(Award(**known, quantity=line.quantity))
    won.status, lost.status, rfq.status = "awarded", "rejected", "awarded"
    stage.session.flush()
    stage.plant("live: awarded request, not yet ordered", rfq)


def _orders(stage: Stage) -> None:
    """One order to approve, one sent and late, one half received, one received with a wrong invoice."""
    many = stage.suppliers
    waiting = order(stage, "to-approve", many[0], "to_approve", 1)
    stage.plant("live: order waiting for approval", waiting)
    _task(stage, waiting, "Approve the order", 0)
    late = order(stage, "sent", many[1], "sent", 16)
    stage.plant("live: order sent, nothing received, promised two days ago", late)
    half = order(stage, "half", many[2], "sent", 12)
    _receive(stage, half, Decimal("0.5"), "part_received")
    stage.plant("live: order half received", half)
    billed = order(stage, "billed", many[3], "sent", 15)
    _receive(stage, billed, Decimal(1), "received")
    _overcharge(stage, billed)


def _receive(stage: Stage, made: PurchaseOrder, share: Decimal, status: str) -> None:
    """Receive a share of every line yesterday, into stock; the order is in the base currency."""
    place = made.warehouse_id
    known = {"org_id": made.org_id, "order_id": made.id, "warehouse_id": place, "received_at": stage.days(-1)}
    receipt = stage.add(Receipt(**known, reference=f"DN-{made.id}"))
    for line in made.lines:
        came = (line.quantity * share).to_integral_value()
        row = {"org_id": made.org_id, "receipt_id": receipt.id, "order_line_id": line.id}
        stage.add(ReceiptLine(**row, received=came))
        moved = {"product_id": line.product_id, "warehouse_id": place, "moved_at": receipt.received_at}
        cost = {"unit_cost": line.unit_price, "source": "receipt", "reference": receipt.reference}
        stage.add(StockMove(org_id=made.org_id, quantity=came, **moved, **cost))
    made.acknowledged_at, made.status = made.sent_at, status
    stage.session.flush()


def _overcharge(stage: Stage, made: PurchaseOrder) -> None:
    """Enter an invoice with a price 8 % above the order's."""
    today = stage.now.date()
    invoice = stage.add(
        SupplierInvoice(
            org_id=made.org_id,
            number=f"INV-{made.id}",
            supplier_id=made.supplier_id,
            order_id=made.id,
            status="mismatched",
            invoiced_on=today,
            due_on=today + timedelta(days=30),
            currency=made.currency,
            freight=made.freight,
            matched_at=stage.now,
            external_key=LIVE + "mismatch",
        )
    )
    for place, line in enumerate(made.lines):
        price = money(line.unit_price * Decimal("1.08"), made.currency) if place == 0 else line.unit_price
        row = {"org_id": made.org_id, "invoice_id": invoice.id, "order_line_id": line.id}
        values = {"quantity": line.quantity, "unit_price": price, "tax_percent": line.tax_percent}
        stage.add(InvoiceLine(**row, **values))
    stage.session.refresh(invoice)
    invoice.tax = money(invoice.total * 19 / 100, made.currency)
    stage.plant("live: invoice dearer than its order", invoice)
    _task(stage, invoice, "Clear the difference with the supplier", 2)


def _certificates(stage: Stage) -> None:
    """Let one certificate run out in ten days and one have run out five days ago."""
    for supplier, days in zip(stage.suppliers, (10, -5), strict=False):
        row = {"org_id": supplier.org_id, "supplier_id": supplier.id, "name": "ISO9001", "issuer": "DNV"}
        until = stage.days(days).date()
        held = stage.add(SupplierCertificate(**row, number=f"DNV-{supplier.id}", expires_on=until))
        stage.plant("live: certificate runs out" if days > 0 else "live: certificate has run out", held)


def _task(stage: Stage, record: Rfq | PurchaseOrder | SupplierInvoice, title: str, due: int) -> None:
    """Give the first operator something to do about a record, and tell them."""
    about = {"entity": record.__tablename__, "record_id": record.id}
    who = stage.operators[0]
    stage.add(Activity(**about, title=title, due_on=stage.days(due).date(), assignee=who))
    stage.add(Notification(**about, title=f"For you: {title.lower()}", recipient=who))
