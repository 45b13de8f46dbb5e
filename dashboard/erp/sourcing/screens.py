"""Screens of requests for quotation and their lines."""

from typing import Any

from dashboard.erp.sourcing.models import Rfq, RfqInvitation, RfqLine, RfqStatus
from dashboard.records.screen import Screen
from dashboard.records.spec import Children

# What suppliers were told: it changes only by a step that tells them.
FIXED_BY_SENDING = frozenset(
    {"org_id", "title", "deadline", "sealed", "currency", "description", "rfq_line", "rfq_invitation"}
)


class RfqScreen(Screen):
    """Requests for quotation."""

    model = Rfq
    singular = "RFQ"
    icon = "file-search"
    menu_order = 20
    menu_section = "Purchasing"
    column_list = ("title", "number", "status", "category_id", "buyer_id", "deadline", "budget")
    column_labels = {"sealed": "Sealed bids"}
    column_searchable_list = ("title", "number")
    column_default_sort = (("created_at", True),)
    column_money = {"budget": "currency"}
    form_sections = (
        ("", ("title", "category_id", "buyer_id", "status", "deadline", "sealed", "description")),
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
        Children(RfqInvitation, "rfq_id", ("supplier_id",), "Invitations"),
    )

    @classmethod
    def lock_reason(cls, record: Any) -> str:
        """Finished requests stay as they are."""
        if record.status in {RfqStatus.CLOSED, RfqStatus.CANCELLED}:
            return f"It is {record.status}. Duplicate it to ask again."
        return ""

    @classmethod
    def frozen_fields(cls, record: Any | None) -> frozenset[str]:
        """The status moves by steps only; after sending also what suppliers were told."""
        if record is None or record.status == RfqStatus.DRAFT:
            return frozenset({"status"})
        return FIXED_BY_SENDING | {"status"}


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
