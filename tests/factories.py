"""Makes records for tests, in the tenant the session is bound to: `SupplierFactory(name="…")`."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from factory.alchemy import SQLAlchemyModelFactory
from factory.declarations import SelfAttribute, Sequence, SubFactory
from factory.helpers import make_factory

from dashboard.core.db import TenantModel, db
from dashboard.erp import models

Model = TypeVar("Model", bound=TenantModel)


class _Flushing(SQLAlchemyModelFactory):
    class Meta:
        abstract = True
        sqlalchemy_session_factory = db.session
        sqlalchemy_session_persistence = "flush"


def recipe(model: type[Model], **fields: Any) -> Callable[..., Model]:
    """Make a factory; factory-boy's classes would hide from mypy what they make."""
    made: Callable[..., Model] = make_factory(model, FACTORY_CLASS=_Flushing, **fields)
    return made


def same(maker: Any) -> SubFactory:
    """Make a record of the same organization as the one that is being made."""
    return SubFactory(maker, organization=SelfAttribute("..organization"))


OrganizationFactory = recipe(
    models.Organization,
    name=Sequence(lambda n: f"Organization {n}"),
    base_currency="EUR",
    time_zone="Europe/Berlin",
)
AppUserFactory = recipe(
    models.AppUser,
    name=Sequence(lambda n: f"Person {n}"),
    email=Sequence(lambda n: f"person{n}@example.com"),
)
ProfileFactory = recipe(
    models.Profile,
    user=SubFactory(AppUserFactory),
    job_title="Buyer",
)
MembershipFactory = recipe(
    models.Membership,
    organization=SubFactory(OrganizationFactory),
    user=SubFactory(AppUserFactory),
)
CurrencyFactory = recipe(
    models.Currency,
    code="EUR",
    name="Euro",
)
FxRateFactory = recipe(
    models.FxRate,
    from_currency="USD",
    to_currency="EUR",
    on_date=Sequence(lambda n: date(2020, 1, 1) + timedelta(days=n)),
    rate=Decimal("0.92"),
)
UnitFactory = recipe(
    models.Unit,
    code=Sequence(lambda n: f"u{n}"),
    name=Sequence(lambda n: f"Unit {n}"),
)
ProductCategoryFactory = recipe(
    models.ProductCategory,
    organization=SubFactory(OrganizationFactory),
    code=Sequence(lambda n: f"C{n}"),
    name=Sequence(lambda n: f"Category {n}"),
)
ProductFactory = recipe(
    models.Product,
    organization=SubFactory(OrganizationFactory),
    sku=Sequence(lambda n: f"SKU-{n:05}"),
    name=Sequence(lambda n: f"Product {n}"),
    unit=SubFactory(UnitFactory),
    price=Decimal("12.50"),
)
WarehouseFactory = recipe(
    models.Warehouse,
    organization=SubFactory(OrganizationFactory),
    code=Sequence(lambda n: f"W{n}"),
    name=Sequence(lambda n: f"Warehouse {n}"),
)
StockMoveFactory = recipe(
    models.StockMove,
    organization=SubFactory(OrganizationFactory),
    product=same(ProductFactory),
    warehouse=same(WarehouseFactory),
    quantity=Decimal(10),
    unit_cost=Decimal(2),
)
SupplierFactory = recipe(
    models.Supplier,
    organization=SubFactory(OrganizationFactory),
    name=Sequence(lambda n: f"Supplier {n}"),
    code=Sequence(lambda n: f"S{n:05}"),
    email=Sequence(lambda n: f"sales{n}@example.com"),
    reliability=Decimal("71.5"),
)
SupplierContactFactory = recipe(
    models.SupplierContact,
    supplier=SubFactory(SupplierFactory),
    name=Sequence(lambda n: f"Contact {n}"),
)
RfqFactory = recipe(
    models.Rfq,
    organization=SubFactory(OrganizationFactory),
    title=Sequence(lambda n: f"Request {n}"),
)
RfqLineFactory = recipe(
    models.RfqLine,
    rfq=SubFactory(RfqFactory),
    description="Steel brackets",
    quantity=Decimal(100),
)
RfqInvitationFactory = recipe(
    models.RfqInvitation,
    rfq=SubFactory(RfqFactory),
    supplier=SubFactory(SupplierFactory, organization=SelfAttribute("..rfq.organization")),
)
QuoteFactory = recipe(
    models.Quote,
    organization=SubFactory(OrganizationFactory),
    rfq=same(RfqFactory),
    supplier=same(SupplierFactory),
)
QuoteLineFactory = recipe(
    models.QuoteLine,
    quote=SubFactory(QuoteFactory),
    rfq_line=SubFactory(RfqLineFactory, rfq=SelfAttribute("..quote.rfq")),
    quantity=Decimal(100),
    unit_price=Decimal("1.25"),
)
MessageFactory = recipe(
    models.Message,
    organization=SubFactory(OrganizationFactory),
    supplier=same(SupplierFactory),
    subject="Delivery",
    body="When does it ship?",
)
PurchaseOrderFactory = recipe(
    models.PurchaseOrder,
    organization=SubFactory(OrganizationFactory),
    supplier=same(SupplierFactory),
)
PurchaseOrderLineFactory = recipe(
    models.PurchaseOrderLine,
    order=SubFactory(PurchaseOrderFactory),
    description="Steel brackets",
    quantity=Decimal(10),
    unit_price=Decimal("1.25"),
)
ReceiptFactory = recipe(
    models.Receipt,
    organization=SubFactory(OrganizationFactory),
    order=same(PurchaseOrderFactory),
)
ReceiptLineFactory = recipe(
    models.ReceiptLine,
    receipt=SubFactory(ReceiptFactory),
    order_line=SubFactory(PurchaseOrderLineFactory, order=SelfAttribute("..receipt.order")),
    received=Decimal(10),
)
SupplierInvoiceFactory = recipe(
    models.SupplierInvoice,
    organization=SubFactory(OrganizationFactory),
    order=same(PurchaseOrderFactory),
    supplier=SelfAttribute("order.supplier"),
    number=Sequence(lambda n: f"INV-{n:05}"),
    invoiced_on=date(2026, 3, 2),
)
InvoiceLineFactory = recipe(
    models.InvoiceLine,
    invoice=SubFactory(SupplierInvoiceFactory),
    order_line=SubFactory(PurchaseOrderLineFactory, order=SelfAttribute("..invoice.order")),
    quantity=Decimal(10),
    unit_price=Decimal("1.25"),
)
CustomerFactory = recipe(
    models.Customer,
    organization=SubFactory(OrganizationFactory),
    name=Sequence(lambda n: f"Customer {n}"),
    code=Sequence(lambda n: f"K{n:05}"),
)
SalesOrderFactory = recipe(
    models.SalesOrder,
    organization=SubFactory(OrganizationFactory),
    customer=same(CustomerFactory),
)
SalesOrderLineFactory = recipe(
    models.SalesOrderLine,
    order=SubFactory(SalesOrderFactory),
    description="Steel brackets",
    quantity=Decimal(3),
    unit_price=Decimal(10),
)
KpiDefinitionFactory = recipe(
    models.KpiDefinition,
    organization=SubFactory(OrganizationFactory),
    code=Sequence(lambda n: f"kpi_{n}"),
    name=Sequence(lambda n: f"KPI {n}"),
)
KpiValueFactory = recipe(
    models.KpiValue,
    organization=SubFactory(OrganizationFactory),
    definition=same(KpiDefinitionFactory),
    period="2026-01",
    value=Decimal("5.5"),
)
