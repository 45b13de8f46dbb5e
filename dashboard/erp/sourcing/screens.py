"""Screens of requests for quotation and their lines."""

from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqLine
from dashboard.records.screen import Screen
from dashboard.records.spec import Children


class RfqScreen(Screen):
    """Requests for quotation."""

    model = Rfq
    singular = "RFQ"
    icon = "file-search"
    menu_order = 20
    menu_section = "Purchasing"
    column_list = ("title", "number", "status", "category_id", "buyer_id", "deadline", "budget")
    column_searchable_list = ("title", "number")
    column_default_sort = (("created_at", True),)
    column_money = {"budget": "currency"}
    form_sections = (
        ("", ("title", "category_id", "buyer_id", "status", "deadline", "description")),
        ("Budget", ("budget", "currency")),
        ("More", ("org_id", "custom_fields")),
    )
    children = (
        Children(
            RfqLine,
            "rfq_id",
            ("product_id", "description", "quantity", "unit_id", "need_by", "target_price"),
            "Lines",
            order="position",
        ),
        Children(RfqInvitation, "rfq_id", ("supplier_id", "invited_at", "declined_at"), "Invitations"),
    )


class RfqLineScreen(Screen):
    """Lines of all requests, for pickers and questions across them."""

    model = RfqLine
    singular = "RFQ line"
    icon = "list-details"
    in_menu = False
    record_label = "description"
    column_list = ("description", "rfq_id", "product_id", "quantity", "unit_id", "need_by", "target_price")
    column_searchable_list = ("description",)
    can_create = False
    can_edit = False
    can_delete = False
