"""Screens of purchase orders and of what was received on them, each with its lines."""

from typing import Any

from dashboard.erp.purchasing.models import (
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderStatus,
    Receipt,
    ReceiptLine,
)
from dashboard.records.screen import Screen
from dashboard.records.spec import Children

# What is approved and what the supplier was sent: it changes only after the order was sent back.
FIXED_BY_SUBMITTING = frozenset(
    {
        *(
            "org_id",
            "supplier_id",
            "ordered_on",
            "rfq_id",
            "quote_id",
            "currency",
            "fx_rate",
            "freight",
            "duty",
        ),
        "purchase_order_line",
    }
)


class PurchaseOrderScreen(Screen):
    """Orders to suppliers; the database numbers them and adds up the total."""

    model = PurchaseOrder
    icon = "shopping-cart"
    menu_order = 50
    menu_section = "Purchasing"
    column_list = ("number", "supplier_id", "status", "ordered_on", "total", "warehouse_id", "buyer_id")
    column_searchable_list = ("number",)
    column_default_sort = (("created_at", True),)
    column_money = {"total": "currency", "freight": "currency", "duty": "currency"}
    form_sections = (
        ("", ("supplier_id", "status", "ordered_on", "warehouse_id", "buyer_id")),
        ("Source", ("rfq_id", "quote_id")),
        ("Cost", ("currency", "fx_rate", "freight", "duty")),
        ("More", ("note", "org_id", "custom_fields")),
    )
    children = (
        Children(
            PurchaseOrderLine,
            "order_id",
            ("product_id", "description", "quantity", "unit_price", "tax_percent", "promised_on"),
            "Lines",
            order="position",
        ),
    )

    @classmethod
    def lock_reason(cls, record: Any) -> str:
        """Finished orders stay as they are."""
        if record.status in {PurchaseOrderStatus.CLOSED, PurchaseOrderStatus.CANCELLED}:
            return f"It is {record.status}. Duplicate it to order again."
        return ""

    @classmethod
    def frozen_fields(cls, record: Any | None) -> frozenset[str]:
        """The status moves by steps only; once submitted, also what is approved and sent."""
        if record is None or record.status == PurchaseOrderStatus.DRAFT:
            return frozenset({"status"})
        return FIXED_BY_SUBMITTING | {"status"}


class PurchaseOrderLineScreen(Screen):
    """Lines of all orders, for pickers and questions across them."""

    model = PurchaseOrderLine
    icon = "list-details"
    in_menu = False
    record_label = "description"
    column_list = ("description", "order_id", "product_id", "quantity", "unit_price", "amount", "promised_on")
    column_searchable_list = ("description",)
    can_create = False
    can_edit = False
    can_delete = False


class ReceiptScreen(Screen):
    """Deliveries on orders, as they were booked."""

    model = Receipt
    icon = "package-import"
    menu_order = 55
    menu_section = "Purchasing"
    record_label = "reference"
    column_list = ("received_at", "order_id", "reference", "warehouse_id", "org_id")
    column_default_sort = (("received_at", True),)
    children = (Children(ReceiptLine, "receipt_id", ("order_line_id", "received", "rejected"), "Lines"),)
    can_create = False
    can_edit = False
    can_delete = False
