"""Screen of exchange rates."""

from dashboard.erp.currencies.models import FxRate
from dashboard.records.screen import Screen


class FxRateScreen(Screen):
    """How many units of one currency a unit of another bought on a day; the newest up to a day counts."""

    model = FxRate
    singular = "Exchange rate"
    icon = "exchange"
    menu_order = 235
    menu_section = "Organization"
    record_label = "from_currency"
    column_list = ("on_date", "from_currency", "to_currency", "rate", "updated_at")
    column_searchable_list = ("from_currency", "to_currency")
    column_default_sort = (("on_date", True),)
    form_columns = ("from_currency", "to_currency", "on_date", "rate")
