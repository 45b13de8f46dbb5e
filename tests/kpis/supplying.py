"""A company that orders, receives, is billed and asks for quotes; and the figures of it, read as pages do."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from dashboard.erp.models import (
    FxRate,
    InvoiceLine,
    Product,
    PurchaseOrder,
    PurchaseOrderLine,
    Quote,
    Receipt,
    ReceiptLine,
    Rfq,
    RfqInvitation,
    Supplier,
    SupplierInvoice,
)
from dashboard.kpis import refreshing, registry, sums
from dashboard.kpis.asking import Terms
from dashboard.kpis.definitions import suppliers
from dashboard.kpis.sums import By, Figure
from tests.kpis.conftest import Company, moment

AS_OF = datetime(2026, 4, 15, 12, tzinfo=UTC)
FAMILIES = (suppliers.DELIVERIES, suppliers.RECEIPTS, suppliers.INSPECTIONS, suppliers.INVITATIONS)


class Supplying(Company):
    """Makes what supplier KPIs are about; figures are those as of `AS_OF` in euros."""

    def order(
        self,
        supplier: Supplier,
        *,
        quantity: int | str = 10,
        price: str = "2",
        ordered: str = "2026-03-01",
        promised: str | None = "2026-03-31",
        status: str = "sent",
        currency: str = "EUR",
        product: Product | None = None,
        quote: Quote | None = None,
    ) -> PurchaseOrderLine:
        """Order one line."""
        line = PurchaseOrderLine(
            org_id=supplier.org_id,
            description="Goods",
            product_id=product and product.id,
            quantity=Decimal(quantity),
            unit_price=Decimal(price),
            promised_on=promised and date.fromisoformat(promised),
        )
        self._add(
            PurchaseOrder(
                org_id=supplier.org_id,
                supplier_id=supplier.id,
                currency=currency,
                status=status,
                quote_id=quote and quote.id,
                ordered_on=date.fromisoformat(ordered),
                sent_at=moment(f"{ordered}T12:00+00:00"),
                lines=[line],
            )
        )
        return line

    def deliver(
        self, line: PurchaseOrderLine, at: str, received: int | str, rejected: int | str = 0
    ) -> ReceiptLine:
        """Receive some of a line at a moment with its zone."""
        part = ReceiptLine(
            org_id=line.org_id,
            order_line_id=line.id,
            received=Decimal(received),
            rejected=Decimal(rejected),
        )
        values = {"org_id": line.org_id, "order_id": line.order_id, "received_at": moment(at)}
        self._add(Receipt(**values, lines=[part]))
        return part

    def bill(
        self, line: PurchaseOrderLine, quantity: int | str, price: str, **values: Any
    ) -> SupplierInvoice:
        """Enter an invoice over one line."""
        known = {
            "org_id": line.org_id,
            "supplier_id": line.order.supplier_id,
            "order_id": line.order_id,
            "number": f"R-{line.id}-{quantity}-{price}",
            "invoiced_on": date(2026, 4, 2),
            "currency": line.order.currency,
        }
        charged = InvoiceLine(
            org_id=line.org_id, order_line_id=line.id, quantity=Decimal(quantity), unit_price=Decimal(price)
        )
        return self._add(SupplierInvoice(**(known | values), lines=[charged]))

    def invite(
        self,
        supplier: Supplier,
        sent: str | None = "2026-03-02T08:00+00:00",
        quoted: str | None = None,
        *,
        deadline: str | None = "2026-03-20T12:00+00:00",
        status: str = "sent",
    ) -> RfqInvitation:
        """Ask one supplier for a quote, and let it answer or not."""
        rfq = self._add(
            Rfq(
                org_id=supplier.org_id,
                title="Castings",
                status=status,
                cancel_reason="No need." if status == "cancelled" else None,
                sent_at=moment(sent) if sent else None,
                deadline=moment(deadline) if deadline else None,
            )
        )
        if quoted:
            values = {"status": "submitted", "submitted_at": moment(quoted)}
            self._add(Quote(org_id=supplier.org_id, rfq_id=rfq.id, supplier_id=supplier.id, **values))
        return self._add(
            RfqInvitation(
                org_id=supplier.org_id,
                rfq_id=rfq.id,
                supplier_id=supplier.id,
                invited_at=moment(sent) if sent else None,
            )
        )

    def product(self, sku: str, standard: str, currency: str = "EUR") -> Product:
        """Make a product with a standard cost."""
        return self._add(
            Product(
                org_id=self.org.id,
                sku=sku,
                name=f"Product {sku}",
                unit_id=self.unit.id,
                standard_cost=Decimal(standard),
                currency=currency,
            )
        )

    def rate(self, source: str, target: str, day: str, rate: str) -> None:
        """Note what one unit of `source` bought of `target` from a day on."""
        self._add(
            FxRate(
                from_currency=source,
                to_currency=target,
                on_date=date.fromisoformat(day),
                rate=Decimal(rate),
            )
        )

    def rebuild(self, as_of: datetime = AS_OF, **parameters: int) -> None:
        """Compute all facts of suppliers; `parameters` hold for the one organization."""
        self.session.flush()
        terms = Terms(as_of, "EUR", ({"org_id": self.org.id, **parameters},))
        for family in FAMILIES:
            refreshing.rebuild(self.session, family, terms)

    def figures(
        self, code: str, *by: By, first: str = "2026-03", last: str = "", **more: Any
    ) -> list[Figure]:
        """Read a KPI over some months, `2026-03`, of one organization."""
        start, end = (date.fromisoformat(f"{month}-01") for month in (first, last or first))
        filters = sums.Filters((self.org.id,), start, end, **more)
        return sums.read(self.session, registry.get(code), filters, by)

    def figure(self, code: str, **more: Any) -> tuple[Decimal | None, int]:
        """Read the one figure: its value and n."""
        (figure,) = self.figures(code, **more)
        return figure.value, figure.n

    def why(self, family_code: str, kpi_code: str, as_of: datetime = AS_OF) -> list[str]:
        """What the family says of each of its records, by record."""
        family = registry.get(kpi_code).facts
        assert family.name == family_code
        self.session.flush()
        rows = self.session.connection().exec_driver_sql(
            f"SELECT {kpi_code}_why FROM ({family.sql}) AS f WHERE org_id = {self.org.id} ORDER BY record_id",
            Terms(as_of, "EUR", ()).binds(),
        )
        return [row[0] for row in rows]
