"""Screen of messages with suppliers."""

from dashboard.erp.messages.models import Message
from dashboard.records.screen import Screen


class MessageScreen(Screen):
    """What was written to and by suppliers."""

    model = Message
    icon = "mail"
    menu_order = 40
    menu_section = "Purchasing"
    column_list = ("subject", "supplier_id", "rfq_id", "direction", "sent_at", "delivered_at", "read_at")
    column_searchable_list = ("subject", "body")
    column_default_sort = (("sent_at", True),)
    form_columns = ("supplier_id", "rfq_id", "direction", "sent_at", "subject", "body", "read_at", "org_id")
