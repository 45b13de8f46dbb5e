"""Screens of customers and sales orders."""

from dashboard.erp.sales.models import Customer, SalesOrder, SalesOrderLine
from dashboard.records.screen import Screen
from dashboard.records.spec import Children


class CustomerScreen(Screen):
    """Who buys from us."""

    model = Customer
    icon = "address-book"
    menu_order = 60
    menu_section = "Sales"
    column_list = ("name", "code", "email", "city", "country", "currency", "is_active")
    column_searchable_list = ("name", "code", "email")
    column_default_sort = (("name", False),)
    form_sections = (
        ("", ("name", "code", "currency", "is_active")),
        ("Contact", ("email", "phone", "city", "country", "tax_id")),
        ("More", ("org_id", "custom_fields")),
    )


class SalesOrderScreen(Screen):
    """Orders of customers; the database numbers them and adds up the total."""

    model = SalesOrder
    icon = "cash-register"
    menu_order = 70
    menu_section = "Sales"
    column_list = (
        "number",
        "customer_id",
        "customer_reference",
        "status",
        "ordered_on",
        "promised_on",
        "total",
    )
    column_searchable_list = ("number", "customer_reference")
    column_default_sort = (("created_at", True),)
    column_money = {"total": "currency", "freight": "currency"}
    form_sections = (
        ("", ("customer_id", "customer_reference", "status", "warehouse_id")),
        ("Dates", ("ordered_on", "promised_on", "shipped_at")),
        ("Cost", ("currency", "fx_rate", "freight")),
        ("More", ("org_id", "custom_fields")),
    )
    children = (
        Children(
            SalesOrderLine,
            "order_id",
            ("product_id", "description", "quantity", "unit_price", "discount_percent", "tax_percent"),
            "Lines",
            order="position",
        ),
    )
