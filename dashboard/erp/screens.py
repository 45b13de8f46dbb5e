"""Gathers every screen of the ERP."""

from dashboard.erp.catalog.screens import ProductCategoryScreen, ProductScreen, UnitScreen
from dashboard.erp.currencies.screens import FxRateScreen
from dashboard.erp.inventory.screens import StockBalanceScreen, StockMoveScreen, WarehouseScreen
from dashboard.erp.invoicing.screens import SupplierInvoiceScreen
from dashboard.erp.kpi_values.screens import KpiDefinitionScreen, KpiValueScreen
from dashboard.erp.messages.screens import MessageScreen
from dashboard.erp.organizations.screens import AppUserScreen, OrganizationScreen, ProfileScreen
from dashboard.erp.purchasing.screens import PurchaseOrderLineScreen, PurchaseOrderScreen, ReceiptScreen
from dashboard.erp.quotes.screens import QuoteScreen
from dashboard.erp.sales.screens import CustomerScreen, SalesOrderScreen
from dashboard.erp.sourcing.screens import RfqLineScreen, RfqScreen
from dashboard.erp.suppliers.screens import SupplierScreen
from dashboard.records.screen import Screen

SCREENS: tuple[type[Screen], ...] = (
    SupplierScreen,
    RfqScreen,
    RfqLineScreen,
    QuoteScreen,
    MessageScreen,
    PurchaseOrderScreen,
    PurchaseOrderLineScreen,
    ReceiptScreen,
    SupplierInvoiceScreen,
    CustomerScreen,
    SalesOrderScreen,
    ProductScreen,
    ProductCategoryScreen,
    UnitScreen,
    WarehouseScreen,
    StockBalanceScreen,
    StockMoveScreen,
    KpiDefinitionScreen,
    KpiValueScreen,
    OrganizationScreen,
    AppUserScreen,
    ProfileScreen,
    FxRateScreen,
)
