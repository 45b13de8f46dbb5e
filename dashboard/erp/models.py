"""Gathers every table of a tenant, so that migrations and tests see them all."""

from dashboard.erp.awards.models import Award
from dashboard.erp.catalog.models import Product, ProductCategory, Unit
from dashboard.erp.currencies.models import Currency, FxRate
from dashboard.erp.inventory.models import StockBalance, StockMove, Warehouse
from dashboard.erp.invoicing.models import InvoiceLine, SupplierInvoice
from dashboard.erp.kpi_values.models import KpiDefinition, KpiValue
from dashboard.erp.messages.models import Message
from dashboard.erp.numbering.models import NumberSequence
from dashboard.erp.organizations.models import AppUser, Membership, Organization, Profile
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine, Receipt, ReceiptLine
from dashboard.erp.quotes.models import Quote, QuoteLine, QuoteRevision
from dashboard.erp.sales.models import Customer, SalesOrder, SalesOrderLine
from dashboard.erp.sealing.models import QuotePrice, RfqSeal
from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqLine
from dashboard.erp.suppliers.models import (
    Supplier,
    SupplierCertificate,
    SupplierContact,
    SupplierPair,
    SupplierProduct,
)

__all__ = [
    "AppUser",
    "Award",
    "Currency",
    "Customer",
    "FxRate",
    "InvoiceLine",
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
    "QuotePrice",
    "QuoteRevision",
    "Receipt",
    "ReceiptLine",
    "Rfq",
    "RfqInvitation",
    "RfqLine",
    "RfqSeal",
    "SalesOrder",
    "SalesOrderLine",
    "StockBalance",
    "StockMove",
    "Supplier",
    "SupplierCertificate",
    "SupplierContact",
    "SupplierInvoice",
    "SupplierPair",
    "SupplierProduct",
    "Unit",
    "Warehouse",
]
