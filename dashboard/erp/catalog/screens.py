"""Screens of products, their categories and units."""

from dashboard.erp.catalog.models import Product, ProductCategory, Unit
from dashboard.records.screen import Screen


class ProductCategoryScreen(Screen):
    """The tree of categories; the database keeps the path."""

    model = ProductCategory
    plural = "Product categories"
    icon = "category"
    menu_order = 120
    menu_section = "Catalog"
    column_list = ("name", "code", "path", "parent_id", "org_id")
    column_labels = {"parent_id": "Parent category"}
    column_searchable_list = ("name", "code")
    column_default_sort = (("path", False),)
    form_columns = ("name", "code", "parent_id", "org_id")


class ProductScreen(Screen):
    """What is bought, stocked and sold."""

    model = Product
    icon = "package"
    menu_order = 110
    menu_section = "Catalog"
    column_list = (
        "name",
        "sku",
        "category_id",
        "unit_id",
        "standard_cost",
        "price",
        "reorder_point",
        "is_active",
    )
    column_searchable_list = ("name", "sku")
    column_default_sort = (("name", False),)
    column_money = {"price": "currency", "standard_cost": "currency"}
    form_sections = (
        ("", ("name", "sku", "category_id", "unit_id", "description", "is_active")),
        ("Prices", ("standard_cost", "price", "currency")),
        ("Stock", ("reorder_point", "min_order_qty")),
        ("More", ("org_id", "custom_fields")),
    )


class UnitScreen(Screen):
    """Units of measure."""

    model = Unit
    icon = "ruler-2"
    menu_order = 130
    menu_section = "Catalog"
    column_list = ("name", "code", "dimension", "factor")
    column_searchable_list = ("name", "code")
    column_default_sort = (("name", False),)
    form_columns = ("name", "code", "dimension", "factor")
