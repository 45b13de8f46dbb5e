"""Gathers every table of a tenant, so that migrations and tests see them all."""

from dashboard.erp.catalog.models import Product, ProductCategory, Unit
from dashboard.erp.currencies.models import Currency, FxRate
from dashboard.erp.inventory.models import StockBalance, StockMove, Warehouse
from dashboard.erp.kpi_values.models import KpiDefinition, KpiValue
from dashboard.erp.messages.models import Message
from dashboard.erp.numbering.models import NumberSequence
from dashboard.erp.organizations.models import AppUser, Membership, Organization, Profile
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine, Receipt, ReceiptLine
from dashboard.erp.quotes.models import Quote, QuoteLine
from dashboard.erp.sales.models import Customer, SalesOrder, SalesOrderLine
from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqLine
from dashboard.erp.suppliers.models import Supplier, SupplierContact

__all__ = [
    "AppUser",
    "Currency",
    "Customer",
    "FxRate",
    "KpiDefinition",
    "KpiValue",
    "Membership",
    "Message",
    "NumberSequence",
    "Organization",
    "Product",
    "ProductCategory",
    "Profile",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "Quote",
    "QuoteLine",
    "Receipt",
    "ReceiptLine",
    "Rfq",
    "RfqInvitation",
    "RfqLine",
    "SalesOrder",
    "SalesOrderLine",
    "StockBalance",
    "StockMove",
    "Supplier",
    "SupplierContact",
    "Unit",
    "Warehouse",
]
