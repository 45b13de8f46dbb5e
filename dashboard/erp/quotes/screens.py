"""Screen of quotes with their lines."""

from dashboard.erp.quotes.models import Quote, QuoteLine
from dashboard.records.screen import Screen
from dashboard.records.spec import Children


class QuoteScreen(Screen):
    """Offers of suppliers; the database adds up the total."""

    model = Quote
    icon = "receipt"
    menu_order = 30
    menu_section = "Purchasing"
    record_label = "reference"
    column_list = ("reference", "rfq_id", "supplier_id", "status", "total", "lead_time_days", "valid_until")
    column_searchable_list = ("reference",)
    column_default_sort = (("created_at", True),)
    column_money = {"total": "currency"}
    form_sections = (
        ("", ("rfq_id", "supplier_id", "reference", "status")),
        ("Terms", ("currency", "lead_time_days", "valid_until", "incoterm", "submitted_at")),
        ("More", ("org_id", "custom_fields")),
    )
    children = (
        Children(
            QuoteLine,
            "quote_id",
            ("rfq_line_id", "quantity", "unit_price", "no_bid", "lead_days", "note"),
            "Lines",
        ),
    )
