"""Screens of organizations and the people of a tenant."""

from dashboard.erp.organizations.models import AppUser, Membership, Organization, Profile
from dashboard.records.screen import Screen
from dashboard.records.spec import Children


class OrganizationScreen(Screen):
    """Legal entities and sites."""

    model = Organization
    icon = "building"
    menu_order = 200
    menu_section = "Organization"
    column_list = ("name", "base_currency", "time_zone", "locale", "updated_at")
    column_searchable_list = ("name",)
    column_default_sort = (("name", False),)
    column_labels = {"supplier_links": "Suppliers answer behind a link"}
    column_money = {"approval_threshold": "base_currency"}
    form_sections = (
        ("", ("name", "base_currency", "time_zone", "locale", "address")),
        (
            "Purchasing",
            (
                "approval_threshold",
                "quantity_tolerance_percent",
                "price_tolerance_percent",
                "supplier_links",
            ),
        ),
        ("More", ("custom_fields",)),
    )


class AppUserScreen(Screen):
    """People as records; operators who log in are kept elsewhere."""

    model = AppUser
    singular = "User"
    icon = "users"
    menu_order = 210
    menu_section = "Organization"
    column_list = ("name", "email", "is_active", "updated_at")
    column_searchable_list = ("name", "email")
    column_default_sort = (("name", False),)
    form_sections = (("", ("name", "email", "is_active")), ("More", ("custom_fields",)))
    children = (
        Children(Profile, "user_id", ("job_title", "phone", "language", "time_zone"), "Profile"),
        Children(Membership, "user_id", ("org_id", "role"), "Memberships"),
    )


class ProfileScreen(Screen):
    """How each person works."""

    model = Profile
    icon = "id-badge-2"
    menu_order = 220
    menu_section = "Organization"
    record_label = "job_title"
    column_list = ("job_title", "user_id", "phone", "language", "time_zone")
    column_searchable_list = ("job_title",)
    form_columns = ("user_id", "job_title", "phone", "language", "time_zone")
