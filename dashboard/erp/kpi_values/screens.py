"""Screens of KPI definitions and the values recorded for them."""

from dashboard.erp.kpi_values.models import KpiDefinition, KpiValue
from dashboard.records.screen import Screen


class KpiDefinitionScreen(Screen):
    """What each KPI means."""

    model = KpiDefinition
    singular = "KPI definition"
    icon = "target"
    menu_order = 160
    menu_section = "KPIs"
    column_list = ("name", "code", "unit", "better", "revision", "org_id")
    column_searchable_list = ("name", "code")
    column_default_sort = (("name", False),)
    form_columns = ("name", "code", "unit", "better", "description", "revision", "parameters", "org_id")


class KpiValueScreen(Screen):
    """A KPI's value by month."""

    model = KpiValue
    singular = "KPI value"
    icon = "chart-dots"
    menu_order = 170
    menu_section = "KPIs"
    column_list = ("period", "definition_id", "value", "updated_at")
    column_labels = {"definition_id": "KPI"}
    column_searchable_list = ("period",)
    column_default_sort = (("period", True),)
    form_columns = ("definition_id", "period", "value", "org_id")
