"""Screen of suppliers' invoices with their lines."""

from typing import Any

from dashboard.erp.invoicing.models import InvoiceLine, InvoiceStatus, SupplierInvoice
from dashboard.records.screen import Screen
from dashboard.records.spec import Children

DECIDED = frozenset({InvoiceStatus.APPROVED, InvoiceStatus.PAID, InvoiceStatus.VOID})


class SupplierInvoiceScreen(Screen):
    """What suppliers ask to be paid; the database adds up the total, steps match and release."""

    model = SupplierInvoice
    icon = "file-invoice"
    menu_order = 57
    menu_section = "Purchasing"
    column_list = ("number", "supplier_id", "order_id", "status", "invoiced_on", "due_on", "total")
    column_searchable_list = ("number",)
    column_default_sort = (("created_at", True),)
    column_money = {"total": "currency", "freight": "currency", "tax": "currency"}
    form_sections = (
        ("", ("number", "supplier_id", "order_id", "status", "invoiced_on", "due_on")),
        ("Cost", ("currency", "freight", "tax")),
        ("More", ("org_id", "custom_fields")),
    )
    children = (
        Children(
            InvoiceLine, "invoice_id", ("order_line_id", "quantity", "unit_price", "tax_percent"), "Lines"
        ),
    )

    @classmethod
    def lock_reason(cls, record: Any) -> str:
        """What was decided about stays as it is."""
        return f"It is {record.status}. Void it and enter a new one." if record.status in DECIDED else ""

    @classmethod
    def frozen_fields(cls, _record: Any | None) -> frozenset[str]:
        """The status moves by steps only."""
        return frozenset({"status"})
