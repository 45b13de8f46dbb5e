"""Screens of warehouses, stock moves and the balances that follow from them."""

from dashboard.erp.inventory.models import StockBalance, StockMove, Warehouse
from dashboard.records.screen import Screen


class WarehouseScreen(Screen):
    """Places where stock lies."""

    model = Warehouse
    icon = "building-warehouse"
    menu_order = 140
    menu_section = "Stock"
    column_list = ("name", "code", "city", "country", "is_active", "org_id")
    column_searchable_list = ("name", "code")
    column_default_sort = (("name", False),)
    form_columns = ("name", "code", "city", "country", "is_active", "org_id")


class StockMoveScreen(Screen):
    """What came and went. A move is never changed: a mistake is moved back."""

    model = StockMove
    icon = "transfer"
    menu_order = 150
    menu_section = "Stock"
    record_label = "reference"
    column_list = ("moved_at", "product_id", "warehouse_id", "quantity", "unit_cost", "source", "reference")
    column_searchable_list = ("reference",)
    column_default_sort = (("moved_at", True),)
    form_columns = (
        "product_id",
        "warehouse_id",
        "quantity",
        "unit_cost",
        "source",
        "reference",
        "moved_at",
        "org_id",
    )
    can_edit = False
    can_delete = False


class StockBalanceScreen(Screen):
    """What lies where at which average cost. To change it, record a move."""

    model = StockBalance
    singular = "Stock balance"
    icon = "stack-2"
    menu_order = 145
    menu_section = "Stock"
    column_list = ("product_id", "warehouse_id", "quantity", "average_cost", "updated_at", "org_id")
    column_default_sort = (("id", True),)
    can_create = False
    can_edit = False
    can_delete = False
