"""Screen of quotes with their lines."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.erp.quotes.models import Quote, QuoteLine, QuoteStatus
from dashboard.erp.sourcing.models import RfqLine
from dashboard.records.screen import Screen
from dashboard.records.spec import Children

LOCKED = {
    QuoteStatus.SUBMITTED: "Choose “Revise” first, which keeps the quote as it stands.",
    QuoteStatus.SHORTLISTED: "Choose “Revise” first, which keeps the quote as it stands.",
    QuoteStatus.AWARDED: "It was awarded; take the award back first.",
    QuoteStatus.REJECTED: "It was rejected.",
    QuoteStatus.WITHDRAWN: "It was withdrawn; choose “Reopen” while bidding is open.",
    QuoteStatus.EXPIRED: "It has expired.",
}


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
    column_money = {"total": "currency", "freight": "currency", "duty": "currency"}
    form_sections = (
        ("", ("rfq_id", "supplier_id", "reference", "status")),
        ("Terms", ("currency", "freight", "duty", "lead_time_days", "valid_until", "incoterm", "note")),
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

    @classmethod
    def lock_reason(cls, record: Any) -> str:
        """A submitted offer is never changed silently."""
        return LOCKED.get(record.status, "")

    @classmethod
    def frozen_fields(cls, record: Any | None) -> frozenset[str]:
        """The status moves by steps only; a quote stays with its request and supplier."""
        return frozenset({"status"}) if record is None else frozenset({"status", "rfq_id", "supplier_id"})

    @classmethod
    def first_rows(cls, session: Session, given: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """A quote on a request starts with the lines that were asked for."""
        if given.get("rfq_id") is None:
            return {}
        asked = sa.select(RfqLine.id, RfqLine.quantity).where(RfqLine.rfq_id == given["rfq_id"])
        return {
            "quote_line": [
                QuoteLine(rfq_line_id=line_id, quantity=quantity, no_bid=False)
                for line_id, quantity in session.execute(asked.order_by(RfqLine.position))
            ]
        }
