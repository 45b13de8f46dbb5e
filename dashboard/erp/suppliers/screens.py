"""Screen of suppliers with their contacts, certificates and prices."""

from dashboard.erp.suppliers.models import (
    Supplier,
    SupplierCertificate,
    SupplierContact,
    SupplierProduct,
)
from dashboard.records.screen import Screen
from dashboard.records.spec import Children


class SupplierScreen(Screen):
    """Companies that quote and deliver, the reliable ones first."""

    model = Supplier
    icon = "truck"
    menu_order = 10
    menu_section = "Purchasing"
    column_list = (
        "name",
        "code",
        "category_id",
        "country",
        "region",
        "status",
        "reliability",
        "lead_time_days",
    )
    column_labels = {
        "score_n": "Observations",
    }
    column_searchable_list = ("name", "code", "email")
    column_default_sort = (("reliability", True), ("name", False))
    form_sections = (
        ("", ("name", "code", "status", "category_id")),
        ("Contact", ("email", "phone", "website", "address", "country", "region", "tax_id")),
        ("Terms", ("lead_time_days", "payment_days", "reliability")),
        ("More", ("org_id", "capabilities", "custom_fields")),
    )
    children = (
        Children(
            SupplierContact,
            "supplier_id",
            ("name", "role", "email", "phone", "is_primary"),
            "Contacts",
            order="position",
        ),
        Children(
            SupplierCertificate,
            "supplier_id",
            ("name", "number", "issuer", "issued_on", "expires_on"),
            "Certificates",
        ),
        Children(
            SupplierProduct,
            "supplier_id",
            (
                "product_id",
                "supplier_sku",
                "from_quantity",
                "unit_price",
                "currency",
                "lead_days",
                "valid_until",
            ),
            "Price list",
        ),
    )
